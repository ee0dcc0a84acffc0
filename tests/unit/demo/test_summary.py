"""What came of the demo: entries, verdict, JSON and a table that can be read."""

import json
from datetime import UTC, datetime

import pytest
from rich.console import Console

from retrainer.demo.run_summary import RunSummary, summarize_run
from retrainer.demo.steady import Traffic
from retrainer.demo.summary import Summary, summary_table, what_is_missing, what_was_not_served

AS_OF = datetime(2013, 6, 24, 4, tzinfo=UTC)
BROKEN = datetime(2013, 7, 9, 4, tzinfo=UTC)
INTERVAL = {"start": "2013-06-10T04:00:00Z", "end": "2013-06-24T04:00:00Z"}
REASON = "not shown to be better than champion v1: roc_auc 0.7091 against 0.7053, 90% interval [-0.0046, +0.0120]"
RUN_KEYS = [
    "as_of",
    "run_id",
    "state",
    "rows",
    "challenger_version",
    "champion_version",
    "metric",
    "difference",
    "interval",
    "decision",
    "reason",
    "served_version",
]


def results(action: str = "reject", **decision: object) -> dict:
    """What the tasks of a run that compared v2 with champion v1 hand on."""
    table = {
        "uri": "data/features",
        "table": "features",
        "version": 3,
        "rows": 69131,
        "digest": "0",
        "window": INTERVAL,
    }
    return {
        "build_features": {
            "table": table,
            "snapshot": [],
            "training": INTERVAL,
            "holdout": INTERVAL,
            "as_of": "2013-06-24T04:00:00Z",
        },
        "compare": {
            "promote": action == "promote",
            "reason": REASON,
            "metric": "roc_auc",
            "reference": "champion",
            "champion_version": 1,
            "rows": 12000,
            "blocks": 14,
            "difference": 0.0039,
            "low": -0.0046,
            "high": 0.012,
            "confidence": 0.9,
            **decision,
        },
        "register": {"name": "flight_delay", "version": 2, "version_url": "http://127.0.0.1:1/v2", "created": True},
        "deploy": {
            "model": "flight_delay",
            "sequence": 2,
            "action": action,
            "version": 2,
            "champion_version": 1,
            "as_of": "2013-06-24T04:00:00Z",
            "reason": REASON,
        },
    }


def entry(as_of: datetime, decision: str, **facts: object) -> RunSummary:
    state = "failed" if decision == "stopped" else "success"
    values = {"as_of": as_of, "run_id": f"run of {as_of}", "state": state, "decision": decision, "reason": "a reason"}
    return RunSummary(**values | facts)


STORY = [
    entry(datetime(2013, 6, 17, 4, tzinfo=UTC), "promote", challenger_version=1),
    entry(datetime(2013, 6, 24, 4, tzinfo=UTC), "reject", challenger_version=2, champion_version=1),
    entry(datetime(2013, 7, 8, 4, tzinfo=UTC), "promote", challenger_version=3, champion_version=1),
    entry(BROKEN, "stopped", reason="column `dest` is missing"),
    entry(datetime(2013, 7, 10, 4, tzinfo=UTC), "reject", challenger_version=4, champion_version=3),
]
PROMOTION, REJECTION, STOPPED = STORY[2], STORY[1], STORY[3]
AFTER = STORY[4]


def test_a_run_that_went_through_is_summarized_from_what_its_steps_handed_on():
    run = summarize_run(AS_OF, "backfill__1", "success", results=results(), error="")

    assert run == RunSummary(
        as_of=AS_OF,
        run_id="backfill__1",
        state="success",
        rows=69131,
        challenger_version=2,
        champion_version=1,
        metric="roc_auc",
        difference=0.0039,
        interval=(-0.0046, 0.012),
        decision="reject",
        reason=REASON,
    )


def test_a_challenger_counts_as_promoted_only_if_the_ledger_says_so():
    decided = results(action="reject", promote=True)

    assert summarize_run(AS_OF, "run", "success", results=decided, error="").decision == "reject"


def test_a_difference_without_bounds_has_no_interval():
    assert summarize_run(AS_OF, "run", "success", results=results(low=None), error="").interval is None


def test_a_run_that_was_stopped_has_the_error_as_its_reason_and_no_numbers():
    handed_on = dict.fromkeys(results())

    run = summarize_run(BROKEN, "run", "failed", results=handed_on, error="column `dest` is missing")

    assert run == RunSummary(
        as_of=BROKEN, run_id="run", state="failed", decision="stopped", reason="column `dest` is missing"
    )


def test_nothing_is_missing_from_the_whole_story():
    assert what_is_missing(STORY, broken=BROKEN, column="dest", quarantined=True) == []


@pytest.mark.parametrize(
    ("story", "quarantined", "missing"),
    [
        ([run for run in STORY if run is not PROMOTION], True, "a challenger that is promoted over a champion"),
        (
            [run for run in STORY if run not in (REJECTION, AFTER)] + [entry(AFTER.as_of, "promote")],
            True,
            "a challenger that is rejected",
        ),
        (STORY, False, "the broken day in quarantine"),
        (
            [*STORY[:3], entry(BROKEN, "stopped", reason="no connection"), AFTER],
            True,
            "a broken day that validation stops, naming 'dest'",
        ),
        (STORY[:4], True, "the day after, trained again"),
        (
            [entry(STORY[0].as_of, "stopped"), *STORY[1:]],
            True,
            "every other run finished",
        ),
    ],
    ids=["no promotion", "no rejection", "no quarantine", "another error", "nothing after", "a run failed"],
)
def test_what_did_not_happen_is_said_in_words(story, quarantined, missing):
    assert what_is_missing(story, broken=BROKEN, column="dest", quarantined=quarantined) == [missing]


def test_the_json_has_exactly_the_promised_keys(tmp_path):
    urls = {"airflow": "http://127.0.0.1:1", "mlflow": "http://127.0.0.1:2"}
    run = summarize_run(AS_OF, "run", "success", results=results(), error="")
    path = tmp_path / "demo" / "summary.json"

    Summary(ok=True, seconds=192.4, runs=(run, STOPPED), urls=urls).write(path)

    written = json.loads(path.read_text())
    assert list(written) == ["ok", "seconds", "runs", "episode", "urls", "traffic", "missing"]
    assert [list(each) for each in written["runs"]] == [RUN_KEYS, RUN_KEYS]
    assert written["ok"] is True
    assert written["seconds"] == 192.4
    assert written["urls"] == urls
    assert written["runs"][0]["as_of"] == "2013-06-24T04:00:00Z"
    assert written["runs"][0]["interval"] == [-0.0046, 0.012]
    assert written["runs"][1]["challenger_version"] is None
    assert [file.name for file in path.parent.iterdir()] == ["summary.json"]


def lines(width: int) -> list[str]:
    console = Console(width=width, force_terminal=False, highlight=False, file=None)
    run = summarize_run(AS_OF, "run", "success", results=results(), error="")
    with console.capture() as printed:
        console.print(summary_table([run, STOPPED], width=width))
    return [line.rstrip() for line in printed.get().splitlines()]


def test_at_160_columns_the_reason_stands_in_the_row():
    (row,) = [line for line in lines(160) if "2013-06-24" in line]

    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "2013-06-24",
        "69,131",
        "v1",
        "v2",
        "+0.0039",
        "reject",
        "not shown to be better than champion v1: roc_auc 0.7091 against 0.7053, 90%",
    ]


def test_at_80_columns_the_reasons_stand_below_the_table():
    printed = lines(80)

    assert max(len(line) for line in printed) <= 80
    assert [line for line in printed if line.startswith("2013-06-24")] == [
        "2013-06-24  not shown to be better than champion v1: roc_auc 0.7091 against"
    ]
    assert "            0.7053, 90% interval [-0.0046, +0.0120]" in printed
    assert "2013-07-09  column `dest` is missing" in printed


def test_the_interval_of_the_difference_is_shown_at_any_width():
    assert all(any("[-0.0046, +0.0120] │" in line for line in lines(width)) for width in (80, 160))


def test_what_is_served_stands_below_the_decision():
    run = summarize_run(AS_OF, "run", "success", results=results("promote"), error="")
    console = Console(width=80, color_system=None)
    with console.capture() as captured:
        console.print(summary_table([run.model_copy(update={"served_version": 2})], width=80))

    assert "│ serves v2 │" in captured.get()


def test_a_promotion_that_is_not_served_and_a_request_that_failed_are_missing():
    run = summarize_run(AS_OF, "run", "success", results=results("promote"), error="")
    served = run.model_copy(update={"served_version": run.challenger_version})
    good = Traffic(requests=10, failures=0)

    assert what_was_not_served([served], good) == []
    assert what_was_not_served([run], good) == ["v2 served after its promotion (nothing was)"]
    assert what_was_not_served([served], Traffic(requests=10, failures=1, errors=("ReadError: ",))) == [
        "an answer to each request (1 failed, first ReadError: )"
    ]
    assert what_was_not_served([served], Traffic(requests=0, failures=0)) == ["a request that was answered"]
