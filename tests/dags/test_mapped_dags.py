"""The DAGs of a model whose features and predictions are made in parts: planned, done by mapped tasks, put together."""

from datetime import UTC, datetime
from itertools import pairwise
from unittest.mock import Mock

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.definitions.mappedoperator import MappedOperator

from retrainer.runtimes.outcome import StepOutcome
from tests.dags.conftest import PROJECT, Declare, build_context

NIGHT = (datetime(2013, 5, 26, 4, tzinfo=UTC), datetime(2013, 5, 27, 4, tzinfo=UTC))
MAPPED = ("\nruntime:\n", "\nruntime:\n  mapping: { tasks: 3 }\n")
PART = {"window": {"start": "2013-05-01T04:00:00Z", "end": "2013-05-11T04:00:00Z"}, "rows": 9000}
DATA = ("wait_for_data", "snapshot", "validate_data", "plan_features", "build_part", "build_features")


def dag(kind: str) -> DAG:
    bag = DagBag(PROJECT / "dags" / f"{kind}.py")
    assert bag.import_errors == {}
    return bag.dags[f"one__{kind}"]


@pytest.mark.parametrize(
    ("kind", "steps"),
    [
        ("train", (*DATA, "train")),
        ("score", (*DATA, "plan_score", "score_part", "score")),
        ("monitor", (*DATA, "plan_score", "score_part", "score", "monitor")),
    ],
)
def test_the_parts_are_planned_then_done_by_mapped_tasks_then_put_together(
    declare: Declare, kind: str, steps: tuple[str, ...]
) -> None:
    declare("one", MAPPED)

    found = dag(kind)

    for before, after in pairwise(steps):
        assert after in found.get_task(before).downstream_task_ids
    mapped = [task.task_id for task in found.tasks if isinstance(task, MappedOperator)]
    assert sorted(mapped) == [step for step in ("build_part", "score_part") if step in steps]


def test_a_mapped_task_has_the_owner_the_pool_the_retries_and_the_time_of_every_other(declare: Declare) -> None:
    declare("one", MAPPED, ("\nruntime:\n", "\nruntime:\n  pool: nightly\n"))

    found = dag("train")

    part, whole = found.get_task("build_part"), found.get_task("build_features")
    for name in ("owner", "pool", "retries", "retry_delay", "execution_timeout"):
        assert getattr(part, name) == getattr(whole, name), name


def test_a_plan_hands_on_the_list_that_airflow_maps_over(declare: Declare, runtime: Mock) -> None:
    declare("one", MAPPED)
    runtime.return_value.run.return_value = StepOutcome(0, result={"parts": [PART, PART]})

    assert dag("train").get_task("plan_features").execute(build_context(interval=NIGHT)) == [PART, PART]


def test_a_mapped_task_asks_for_its_own_part_and_is_called_after_it(declare: Declare, runtime: Mock) -> None:
    declare("one", MAPPED)
    context = build_context(interval=NIGHT, results={"validate_data": {"quality": 1}})
    task = dag("train").get_task("build_part").unmap({"part": PART})

    task.execute({**context, "task": task})  # type: ignore[typeddict-item]

    request = runtime.return_value.run.call_args.args[0]
    assert (request.step, request.params) == ("build_part", {"part": PART})
    assert task.part_name == "2013-05-01T04:00 to 2013-05-11T04:00: 9000 rows"


@pytest.mark.parametrize("left", [{"part": 1}, [{"part": 1}]], ids=["one", "list"])
def test_the_step_gets_what_the_mapped_tasks_left_however_many_they_were(
    declare: Declare, runtime: Mock, left: object
) -> None:
    declare("one", MAPPED)

    dag("train").get_task("build_features").execute(build_context(interval=NIGHT, results={"build_part": left}))

    assert runtime.return_value.run.call_args.args[0].inputs == {"build_part": {"parts": [{"part": 1}]}}


def test_a_model_that_is_not_divided_has_no_task_more(declare: Declare) -> None:
    declare("one")

    assert not [task for kind in ("train", "score", "monitor") for task in dag(kind).tasks if "part" in task.task_id]
