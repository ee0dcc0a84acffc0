"""The files in dags/: thin, complete, and serialisable; what each DAG looks like to Airflow."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, AssetOrTimeSchedule, CronDataIntervalTimetable
from airflow.serialization.serialized_objects import DagSerialization

from retrainer.contracts import PIPELINE
from tests.dags.conftest import PROJECT, Declare

FILES = sorted((PROJECT / "dags").glob("*.py"))


def parse(path: Path = PROJECT / "dags") -> DagBag:
    return DagBag(path)


@pytest.fixture
def bag() -> DagBag:
    found = parse()
    assert set(found.dags) == {
        "flight_delay__train",
        "flight_delay__score",
        "flight_delay__monitor",
        "flight_delay__rollback",
        "flight_delay__rebuild",
        "flight_delay__online",
        "flight_delay__predictions",
        "maintenance",
        "sample_feed",
    }
    assert found.import_errors == {}
    return found


@pytest.fixture
def train(bag: DagBag) -> DAG:
    return bag.dags["flight_delay__train"]


def test_there_are_dag_files() -> None:
    assert [path.stem for path in FILES] == [
        "declarations",
        "maintenance",
        "monitor",
        "online",
        "predictions",
        "rebuild",
        "rollback",
        "sample_feed",
        "score",
        "shadow_review",
        "train",
    ]


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_a_dag_file_is_wiring(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 60


def test_every_dag_says_who_owns_it_and_what_to_do_when_it_fails(bag: DagBag) -> None:
    for dag in bag.dags.values():
        assert dag.tags
        for part in ("Owner:", "Schedule:", "When a task fails"):
            assert part in dag.doc_md, dag.dag_id


def test_every_parameter_says_its_type_what_it_is_called_and_what_it_means(bag: DagBag) -> None:
    params = [(dag.dag_id, dag.params.get_param(name)) for dag in bag.dags.values() for name in dag.params]
    assert len(params) > 8
    for dag_id, param in params:
        assert {"type", "title"} <= set(param.schema), dag_id
        assert param.description, dag_id


def test_every_task_has_an_owner_retries_a_time_out_and_an_alert(bag: DagBag) -> None:
    tasks = [task for dag in bag.dags.values() for task in dag.tasks]
    assert len(tasks) > 10
    for task in tasks:
        assert task.owner == "flight-operations"
        assert task.retries >= 1
        assert task.retry_delay >= timedelta(seconds=1)
        assert task.execution_timeout is not None
        assert len(task.on_failure_callback) == 1


def test_every_dag_survives_serialisation(bag: DagBag) -> None:
    for dag in bag.dags.values():
        kept = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        assert kept.dag_id == dag.dag_id
        assert arrows(kept) == arrows(dag)


def arrows(dag: DAG) -> dict[str, set[str]]:
    return {task_id: task.downstream_task_ids for task_id, task in dag.task_dict.items()}


def test_parsing_again_gives_the_same_dags() -> None:
    first, second = ({dag.dag_id: DagSerialization.to_dict(dag) for dag in parse().dags.values()} for _ in range(2))

    assert first == second


def test_the_steps_follow_each_other_under_their_own_names(train: DAG) -> None:
    assert [task.task_id for task in train.topological_sort()] == list(PIPELINE)
    for before, after in pairwise(PIPELINE):
        assert train.get_task(before).downstream_task_ids == {after}


def test_the_schedule_is_the_night_or_new_data_and_never_catches_up(train: DAG) -> None:
    assert isinstance(train.schedule, AssetOrTimeSchedule)
    assert train.schedule.timetable == CronDataIntervalTimetable("0 0 * * *", timezone="America/New_York")
    assert [asset.name for asset in train.schedule.asset_condition.objects] == ["flights_source.flights"]
    assert (train.catchup, train.max_active_runs) == (False, 1)
    assert train.start_date.isoformat() == "2013-01-01T05:00:00+00:00"


def test_a_run_started_by_hand_after_the_schedule_has_tasks(train: DAG) -> None:
    # A DAG's end_date would leave such a run without any, and it would count as a success.
    assert train.end_date is None
    assert all(task.end_date is None for task in train.tasks)


def test_a_model_without_new_data_runs_by_the_clock_alone(declare: Declare) -> None:
    declare("flight_delay", ("on_new_data: true", "on_new_data: false"))

    schedule = parse(PROJECT / "dags" / "train.py").dags["flight_delay__train"].schedule

    assert schedule == CronDataIntervalTimetable("0 0 * * *", timezone="America/New_York")


def test_the_graph_shows_the_lineage(train: DAG) -> None:
    def names(kind: str) -> dict[str, list[str]]:
        found = {task.task_id: [asset.name for asset in getattr(task, kind)] for task in train.tasks}
        return {task_id: assets for task_id, assets in found.items() if assets}

    assert names("inlets") == {
        "wait_for_data": ["flights_source.flights"],
        "build_features": ["flight_delay.snapshot"],
        "train": ["flight_delay.features"],
    }
    assert names("outlets") == {
        "validate_data": ["flight_delay.snapshot"],
        "build_features": ["flight_delay.features"],
        "deploy": ["flight_delay.model"],
    }


def test_no_dag_that_trains_is_started_by_what_training_emits(declare: Declare) -> None:
    for name in ("one", "two"):
        declare(name)
    dags = parse(PROJECT / "dags" / "train.py").dags.values()
    emitted = {asset.uri for dag in dags for task in dag.tasks for asset in task.outlets}
    awaited = {asset.uri for dag in dags for asset in dag.schedule.asset_condition.objects}

    assert len(dags) == 2
    assert len(emitted) == 6
    assert not emitted & awaited


def test_the_feed_announces_what_the_models_wait_for(bag: DagBag, train: DAG) -> None:
    (announced,) = bag.dags["sample_feed"].get_task("announce").outlets
    (awaited,) = train.schedule.asset_condition.objects

    assert announced == awaited


def test_links_are_on_the_steps_that_have_something_to_link_to(train: DAG) -> None:
    links = {task.task_id: [link.name for link in task.operator_extra_links] for task in train.tasks}

    assert {task_id: names for task_id, names in links.items() if names} == {
        "validate_data": ["Data Docs"],
        "train": ["MLflow run"],
        "compare": ["Evaluation report"],
        "register": ["Model version", "Model card"],
        "deploy": ["Ledger entry", "Model version"],
    }


def test_a_form_asks_as_of_when_and_why(train: DAG) -> None:
    params = train.params
    assert params["as_of"] is None
    params.validate()
    params["as_of"] = "2013-05-27T00:00:00-04:00"
    params.validate()
    params["reason"] = "a column was repaired upstream"
    params.validate()


def test_airflow_gives_a_task_more_time_than_its_step_has(train: DAG) -> None:
    for task in train.tasks[1:]:
        watched = timedelta(seconds=5) if task.task_id == "deploy" else timedelta()
        assert task.execution_timeout == timedelta(minutes=35) + watched


def test_tasks_take_slots_of_the_declared_pool_and_a_rollback_waits_for_none(declare: Declare) -> None:
    declare("flight_delay", ("\nruntime:\n", "\nruntime:\n  pool: nightly\n"))

    pools = {dag_id: {task.pool for task in dag.tasks} for dag_id, dag in parse().dags.items()}

    by_default = {"flight_delay__rollback", "sample_feed"}
    assert {dag_id for dag_id, names in pools.items() if names == {"nightly"}} == set(pools) - by_default
    assert all(pools[dag_id] == {"default_pool"} for dag_id in by_default)


@pytest.mark.parametrize("kind", ["train", "score", "monitor", "rollback", "rebuild"])
def test_a_task_process_builds_only_its_own_dag(kind: str, declare: Declare, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two", "three"):
        declare(name)
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", f"two__{kind}")

    assert set(parse(PROJECT / "dags" / f"{kind}.py").dags) == {f"two__{kind}"}
