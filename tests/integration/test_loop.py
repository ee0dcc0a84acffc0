"""The demo's path through a real Airflow on a small slice: what the loop does with good days, bad days and accidents.

The tests share one stack and stand in the order of the story: each goes on where the one before it ended. Run the whole
file; one test alone lands no days.
"""

from datetime import date

import pytest
from deltalake import DeltaTable

from retrainer.contracts import partition_key
from retrainer.contracts.columns import INTERVAL
from retrainer.demo.story import FEED_DAG, RENAMED, TRAIN_DAG
from retrainer.snapshots import DataPlace
from tests.integration.loop import BROKEN, EXAMPLE, Loop, misspelt

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

FIRST = date(2013, 6, 10)
NEXT_WEEK = date(2013, 6, 17)
OLDER = date(2013, 6, 9)
HALF = date(2013, 6, 18)
TWICE = date(2013, 6, 19)
BROKEN_DAY = date(2013, 6, 20)
DAY_AFTER = date(2013, 6, 21)
TOGETHER = date(2013, 6, 27), date(2013, 6, 28)
HOST_KILLED = date(2013, 6, 29)
SCHEDULER_KILLED = date(2013, 6, 30)
"""as_of of the runs: 00:00 in New York, so that a run's own interval is the day before."""


def day_before(as_of: date) -> date:
    return date.fromordinal(as_of.toordinal() - 1)


def place(loop: Loop) -> DataPlace:
    return DataPlace(loop.settings.data_uri, loop.config.name)


def interval_key(loop: Loop, as_of: date) -> str:
    """Partition key of the run's own day."""
    return partition_key(loop.start_of(as_of))


def flights_of(loop: Loop, as_of: date) -> list[int]:
    """Key of every flight of the run's own day in the validated snapshot."""
    partition = [(INTERVAL, "=", interval_key(loop, as_of))]
    return DeltaTable(place(loop).snapshot("flights")).to_pyarrow_table(filters=partition)["flight_id"].to_pylist()


def test_the_feed_lands_days_that_a_first_run_can_learn_from(loop):
    run = loop.land(date(2013, 5, 22), NEXT_WEEK)

    assert run.tasks["land"] == "success"
    assert loop.airflow.result(run, "land") == "2013-06-17T04:00:00+00:00"


def test_a_first_backfill_registers_a_version_and_says_why_it_is_promoted_or_not(loop):
    run = loop.over(loop.backfill(FIRST))
    loop.runs["first"] = run.run_id

    release = loop.result(run, "deploy")
    assert release["action"] in ("promote", "reject")
    assert "the baseline rule: roc_auc" in release["reason"]
    assert loop.versions() == [1]
    assert loop.champion() == (1 if release["action"] == "promote" else None)
    assert [(entry.sequence, entry.action) for entry in loop.entries()] == [(1, release["action"])]


def test_the_run_of_the_next_week_is_decided_against_the_champion(loop):
    champion = loop.champion()

    run = loop.over(loop.airflow.train_by_hand(NEXT_WEEK))

    decision, release = loop.result(run, "compare"), loop.result(run, "deploy")
    assert decision["reference"] == ("champion" if champion else "baseline")
    assert decision["champion_version"] == champion
    assert (f"champion v{champion}" if champion else "the baseline rule") in release["reason"]
    assert loop.versions() == [1, 2]
    assert loop.champion() == (2 if release["action"] == "promote" else champion)


def test_backfilling_an_older_interval_registers_a_version_and_leaves_the_champion(loop):
    champion = loop.champion()
    assert champion is not None, "there is nothing to move backwards"

    run = loop.over(loop.backfill(OLDER))

    assert loop.result(run, "register")["version"] == 3
    assert loop.result(run, "deploy")["action"] == "reject"
    assert loop.champion() == champion


def test_clearing_a_past_run_gives_the_same_version_and_no_new_one(loop):
    before = loop.airflow.run(TRAIN_DAG, loop.runs["first"])
    registered, released = loop.result(before, "register"), loop.result(before, "deploy")
    trained, versions, champion = loop.result(before, "train"), loop.versions(), loop.champion()
    entries = loop.entries()

    loop.airflow.clear(before.run_id)
    loop.until("the cleared run starts", lambda: not loop.airflow.run(TRAIN_DAG, before.run_id).is_over)
    run = loop.over(before.run_id)

    assert loop.airflow.tries(run.run_id)["deploy"] == 2
    assert loop.result(run, "register") == registered | {"created": False}
    assert loop.result(run, "train") == trained
    assert loop.result(run, "deploy") == released
    assert (loop.versions(), loop.champion(), loop.entries()) == (versions, champion, entries)


def test_a_half_landed_day_makes_the_run_wait_until_the_rest_has_landed(loop):
    day = day_before(HALF)
    loop.land(day, also={"mishap": "half"})
    run_id = loop.airflow.train_by_hand(HALF)
    loop.until("wait_for_data is deferred", lambda: loop.task_is(run_id, "wait_for_data", "deferred"))

    loop.land(day)
    run = loop.over(run_id)

    arrivals = loop.result(run, "wait_for_data")["tables"]
    assert [(table["table"], table["rows"] - table["expected_rows"]) for table in arrivals] == [
        ("flights", 0),
        ("weather", 0),
    ]
    assert len(flights_of(loop, HALF)) == arrivals[0]["expected_rows"]


def test_a_run_by_hand_trains_as_of_the_given_time(loop):
    loop.land(day_before(TWICE), also={"mishap": "twice"})

    run = loop.over(loop.airflow.train_by_hand(TWICE))
    loop.runs["by hand"] = run.run_id

    assert loop.result(run, "deploy")["as_of"] == "2013-06-19T04:00:00Z"
    assert loop.entries()[-1].actor == f"airflow run {run.run_id}"


def test_a_day_that_landed_twice_leaves_no_row_twice(loop):
    run = loop.airflow.run(TRAIN_DAG, loop.runs["by hand"])

    announced = loop.result(run, "wait_for_data")["tables"][0]["expected_rows"]
    keys = flights_of(loop, TWICE)

    assert announced > 0
    assert len(keys) == len(set(keys)) == announced


def test_a_renamed_column_is_stopped_by_name_at_the_first_try_and_set_aside(loop):
    column, new_name = RENAMED
    loop.land(day_before(BROKEN_DAY), also={"rename": f"{column}:{new_name}"})
    versions, champion = loop.versions(), loop.champion()

    run = loop.over(loop.backfill(BROKEN_DAY), expected="failed")

    error = loop.airflow.result(run, "validate_data", key="error")
    assert run.tasks["validate_data"] == "failed"
    assert f"column `{column}` (string) is missing" in error
    assert new_name in error
    assert loop.airflow.tries(run.run_id)["validate_data"] == 1
    quarantine = DataPlace(loop.settings.data_uri, loop.config.name).quarantine(
        "flights", interval_key(loop, BROKEN_DAY)
    )
    assert DeltaTable(quarantine).to_pyarrow_table().num_rows > 0
    assert flights_of(loop, BROKEN_DAY) == []
    assert (loop.versions(), loop.champion()) == (versions, champion)


def test_the_day_after_trains_again(loop):
    loop.land(day_before(DAY_AFTER), also={"rename": ":".join(reversed(RENAMED))})

    run = loop.over(loop.airflow.train_by_hand(DAY_AFTER))

    assert loop.result(run, "register")["created"] is True


def test_of_two_runs_at_once_at_most_one_promotes(loop):
    loop.land(DAY_AFTER, SCHEDULER_KILLED)
    before, champion = loop.entries(), loop.champion()

    first = loop.backfill(TOGETHER[0])
    second = loop.airflow.train_by_hand(TOGETHER[1])
    loop.until(
        "both run", lambda: all(loop.airflow.run(TRAIN_DAG, run_id).state == "running" for run_id in (first, second))
    )
    runs = [loop.over(first), loop.over(second)]

    added = loop.entries()[len(before) :]
    promoted = [entry.version for entry in added if entry.action == "promote"]
    assert sorted(entry.version for entry in added) == sorted(loop.result(run, "deploy")["version"] for run in runs)
    assert len(added) == 2
    assert len(promoted) <= 1
    assert loop.champion() == (promoted[0] if promoted else champion)
    assert [entry.sequence for entry in loop.entries()] == list(range(1, len(before) + 3))


def test_killing_the_step_host_in_the_middle_of_a_run_costs_one_try(loop):
    versions = loop.versions()
    run_id = loop.airflow.train_by_hand(HOST_KILLED)
    host = loop.processes("step-host")[0]
    loop.until("training runs in the host", lambda: loop.task_is(run_id, "train", "running") and bool(host.children()))

    host.kill()
    run = loop.over(run_id)

    assert loop.airflow.tries(run_id) == dict.fromkeys(run.tasks, 1) | {"train": 2}
    assert len(loop.versions()) == len(versions) + 1
    assert loop.processes("step-host")[0].pid != host.pid


def test_killing_the_scheduler_in_the_middle_of_a_run_leaves_one_version(loop):
    versions = loop.versions()
    run_id = loop.backfill(SCHEDULER_KILLED)
    scheduler = loop.processes("airflow scheduler")[0]
    loop.until("the run is at its snapshot", lambda: loop.task_is(run_id, "snapshot", "running"))

    scheduler.kill()
    run = loop.over(run_id)

    assert loop.versions() == [*versions, loop.result(run, "register")["version"]]
    assert [entry.sequence for entry in loop.entries()] == list(range(1, len(loop.entries()) + 1))


def test_one_broken_declaration_is_one_import_error_and_hides_no_other_model(loop):
    loop.until("the import error is there", lambda: bool(loop.airflow.import_errors()))

    errors = loop.airflow.import_errors()
    line = next(n for n, text in enumerate(misspelt(EXAMPLE.read_text()).splitlines(), start=1) if "retrise" in text)
    assert len(errors) == 1
    assert f"{BROKEN}:{line}" in errors[0]["stack_trace"]
    assert "did you mean 'retries'" in errors[0]["stack_trace"]
    assert loop.airflow.knows(TRAIN_DAG)
    assert loop.airflow.knows(FEED_DAG)
    assert not loop.airflow.knows("broken_model__train")
