"""Monitoring through a real Airflow: a winter that the model has never seen fires one training run, and no second one.

The gates let every challenger pass. The tests share one stack and stand in the order of the story; run the whole file.
"""

from datetime import date

import pytest

from retrainer.contracts import RecordedEvent
from retrainer.demo.airflow_api import DagRun
from retrainer.demo.story import MONITOR_DAG, TRAIN_DAG
from retrainer.ledger import Episodes, History
from tests.integration.loop import Loop

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

CHANGES = {
    "gates": {
        "min_gain": -1.0,
        "min_gain_over_baseline": -1.0,
        "min_value": None,
        "max_calibration_error": None,
        "slices": [],
        "canonical": [],
    },
    "windows": {"training_days": 60, "holdout_days": 14},  # as long as it takes to know what is ordinary
    "monitoring": {"report": "findings"},
}
SUMMER = date(2013, 7, 11)
WINTER = tuple(date(2013, 12, day) for day in (10, 11, 12))
NIGHT_AFTER = date(2013, 12, 13)

pytestmark.append(pytest.mark.parametrize("loop", [CHANGES], indirect=True, scope="module", ids=["watched"]))


def monitor(loop: Loop, as_of: date) -> DagRun:
    run_id = loop.airflow.trigger(MONITOR_DAG, {"as_of": f"{as_of.isoformat()}T00:00:00"})
    return loop.over(run_id, dag_id=MONITOR_DAG)


def fired(loop: Loop) -> list[str]:
    """Training runs that monitoring has fired."""
    return [run_id for run_id in loop.airflow.run_ids(TRAIN_DAG) if run_id.startswith("monitor__")]


def events(loop: Loop) -> list[RecordedEvent]:
    return list(Episodes.open(loop.settings.ledger_url).events(loop.config.name))


def test_an_ordinary_night_is_quiet_and_its_numbers_are_kept(loop):
    loop.land(date(2013, 4, 20), SUMMER)
    loop.over(loop.airflow.train_by_hand(date(2013, 7, 10)))
    assert loop.champion() == 1
    loop.airflow.unpause(MONITOR_DAG)

    run = monitor(loop, SUMMER)

    found = loop.result(run, "monitor")
    assert (found["verdict"], found["action"], found["version"]) == ("quiet", "none", 1)
    assert (run.tasks["alert"], run.tasks["ask"], run.tasks["retrain"]) == ("success", "skipped", "skipped")
    history = History.open(loop.settings.ledger_url).latest(
        loop.config.name, loop.start_of(SUMMER), loop.start_of(WINTER[0])
    )
    assert {"weather__temp", "prediction", "roc_auc"} <= {each.subject for each in history}
    assert events(loop) == []


def test_what_is_confirmed_in_the_third_night_fires_exactly_one_training_run(loop):
    loop.land(date(2013, 9, 20), NIGHT_AFTER)

    results = [loop.result(monitor(loop, night), "monitor") for night in WINTER]

    assert [each["action"] for each in results] == ["none", "none", "retrain"]
    assert results[2]["verdict"] == "severe"
    assert "weather__temp" in results[2]["findings"][0]["message"]
    assert fired(loop) == [results[2]["train_run_id"]]
    loop.runs["fired"] = results[2]["train_run_id"]


def test_the_run_that_was_fired_trains_as_of_that_night_and_is_decided_about(loop):
    run = loop.over(loop.runs["fired"])

    assert loop.result(run, "deploy")["action"] == "promote"
    entry = loop.entries()[-1]
    assert (entry.version, entry.as_of) == (2, loop.config.schedule.interval_before(loop.start_of(NIGHT_AFTER)).end)
    assert loop.champion() == 2


def test_the_same_night_monitored_again_or_backfilled_fires_none(loop):
    before = events(loop)

    again = loop.result(monitor(loop, WINTER[2]), "monitor")
    backfill = loop.over(loop.airflow.backfill(MONITOR_DAG, loop.start_of(WINTER[2])), dag_id=MONITOR_DAG)

    assert again["train_run_id"] in ("", loop.runs["fired"])
    assert loop.result(backfill, "monitor")["action"] == "none"
    assert fired(loop) == [loop.runs["fired"]]
    assert [each.identity for each in events(loop)] == [each.identity for each in before]


def test_the_next_night_says_what_became_of_the_run_and_fires_no_other(loop):
    found = loop.result(monitor(loop, NIGHT_AFTER), "monitor")

    assert found["action"] == "none"
    assert found["version"] == 2
    assert [each.event for each in events(loop)] == ["opened", "fired", "promoted"]
    assert fired(loop) == [loop.runs["fired"]]
