"""Features and scoring in parts through a real Airflow with two workers: both are at work at once, each flight is there
once. The tests share one stack and stand in the order of the story; run the whole file.
"""

from datetime import date, datetime

import pytest
from deltalake import DeltaTable

from retrainer.contracts import partition_key
from retrainer.contracts.columns import INTERVAL
from retrainer.demo.airflow_api import DagRun
from retrainer.demo.story import TRAIN_DAG
from retrainer.scoring import scored_uri
from tests.integration.loop import Loop

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

MAPPED = {
    "gates": {"min_gain": -1.0, "min_gain_over_baseline": None, "max_calibration_error": None, "slices": []},
    "runtime": {"mapping": {"tasks": 2, "rows_per_task": 100}},
}
SCORE_DAG = "flight_delay__score"
PAST, AS_OF = date(2013, 6, 9), date(2013, 6, 10)

pytestmark.append(pytest.mark.parametrize("loop", [MAPPED], indirect=True, scope="module", ids=["mapped"]))


def parts_of(loop: Loop, run: DagRun, task_id: str) -> list[dict]:
    """The instances of a mapped task of a run, as Airflow tells of them."""
    return loop.airflow.mapped(run.dag_id, run.run_id, task_id)


def assert_at_once(parts: list[dict]) -> None:
    starts, ends = (sorted(datetime.fromisoformat(part[name]) for part in parts) for name in ("start_date", "end_date"))
    assert starts[-1] < ends[0], f"one began at {starts[-1]}, after another ended at {ends[0]}"


def scored_rows(loop: Loop, as_of: date) -> list[int]:
    partition = [(INTERVAL, "=", partition_key(loop.start_of(as_of)))]
    table = DeltaTable(scored_uri(loop.settings.data_uri, loop.config.name))
    return sorted(table.to_pandas(filters=partition)["flight_id"])


def test_two_workers_build_the_features_of_a_training_at_once_and_it_is_released(loop):
    loop.land(date(2013, 5, 22), AS_OF)
    run = loop.over(loop.airflow.train_by_hand(AS_OF))
    loop.runs["mapped"] = run.run_id

    parts = parts_of(loop, run, "build_part")
    assert [part["state"] for part in parts] == ["success"] * 2
    assert_at_once(parts)
    assert all(" to 2013-" in part["rendered_map_index"] for part in parts)
    assert loop.champion() == 1
    assert loop.result(run, "build_features")["table"]["rows"] > 10_000


def test_a_part_that_is_cleared_is_built_alone_and_the_features_stay_as_they_are(loop):
    run_id = loop.runs["mapped"]
    before = loop.result(loop.airflow.run(TRAIN_DAG, run_id), "build_features")

    loop.airflow.clear_part(TRAIN_DAG, run_id, "build_part", 1)
    run = loop.over(run_id)

    assert {part["map_index"]: part["try_number"] for part in parts_of(loop, run, "build_part")} == {0: 1, 1: 2}
    assert loop.result(run, "build_features") == before
    assert loop.champion() == 1


def test_two_workers_score_a_day_at_once_and_each_flight_is_there_once(loop):
    loop.airflow.unpause(SCORE_DAG)
    run = loop.over(loop.airflow.backfill(SCORE_DAG, loop.start_of(PAST)), dag_id=SCORE_DAG)

    assert_at_once(parts_of(loop, run, "score_part"))
    result, flights = loop.result(run, "score"), scored_rows(loop, PAST)
    assert (result["version"], result["rows"], result["replaced"]) == (1, len(flights), True)
    assert len(flights) == len(set(flights)) > 500
