"""The DAG that reviews the version in the shadow; what a release through the server means for tasks and requests."""

import re
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import pendulum
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG, CronDataIntervalTimetable
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization

from retrainer.contracts import StepRequest
from retrainer.runtimes.outcome import StepOutcome
from tests.dags.conftest import PROJECT, Declare, build_context

NIGHT = (pendulum.datetime(2013, 7, 1, 4), pendulum.datetime(2013, 7, 2, 4))
SHADOW = "{ release: shadow }"
CANARY = "{ release: canary, canary: { percents: [1, 10], step_seconds: 300 }, level: { watch_seconds: 60 } }"


def declare_with(declare: Declare, name: str, serving: str | None) -> Path:
    """The example under another name, whose section serving is `serving`."""
    path = declare(name)
    text = re.sub(r"^serving:.*\n(?:[ ].*\n)*", "", path.read_text(), flags=re.MULTILINE)
    path.write_text(text if serving is None else f"{text}\nserving: {serving}\n")
    return path


def dags(kind: str = "shadow_review") -> dict[str, DAG]:
    bag = DagBag(PROJECT / "dags" / f"{kind}.py")
    assert bag.import_errors == {}
    return bag.dags


def review(context: dict, runtime: Mock) -> StepRequest:
    dags()["one__shadow_review"].get_task("shadow_review").execute(context)
    return runtime.return_value.run.call_args.args[0]


def test_only_a_model_whose_versions_go_through_the_shadow_has_one(declare: Declare) -> None:
    declare_with(declare, "one", SHADOW)
    declare_with(declare, "two", "{}")
    declare_with(declare, "three", CANARY)
    declare_with(declare, "four", None)

    assert list(dags()) == ["one__shadow_review"]


def test_it_collects_what_was_logged_and_reviews_on_the_models_own_cron(declare: Declare) -> None:
    declare_with(declare, "one", SHADOW)

    dag = dags()["one__shadow_review"]

    assert dag.schedule == CronDataIntervalTimetable("0 0 * * *", timezone="America/New_York")
    assert (dag.catchup, dag.max_active_runs, dag.is_paused_upon_creation) == (False, 1, False)
    assert dag.tags >= {"retrainer", "shadow_review", "one"}
    assert [task.task_id for task in dag.topological_sort()] == ["collect_predictions", "shadow_review"]
    assert [asset.name for asset in dag.get_task("shadow_review").outlets] == ["one.model"]
    for part in ("Owner:", "Schedule:", "When a task fails"):
        assert part in dag.doc_md
    for task in dag.tasks:
        assert (task.owner, task.retries >= 1, len(task.on_failure_callback)) == ("flight-operations", True, 1)
    assert DagSerialization.from_dict(DagSerialization.to_dict(dag)).task_ids == dag.task_ids


def test_its_form_asks_as_of_when_and_why(declare: Declare) -> None:
    declare_with(declare, "one", SHADOW)
    params = dags()["one__shadow_review"].params
    params.validate()
    params["as_of"] = "2013-07-02T00:00:00-04:00"
    params["reason"] = "the champion does badly"
    params.validate()
    with pytest.raises(ParamValidationError, match="as_of"):
        params["as_of"] = 2013


@pytest.mark.parametrize(("run_type", "params"), [("scheduled", {}), ("manual", {}), ("backfill", {"backfill": True})])
def test_the_step_is_told_whether_the_run_is_a_backfill(
    run_type: str, params: dict, declare: Declare, runtime: Mock
) -> None:
    declare_with(declare, "one", SHADOW)

    request = review(build_context(interval=NIGHT, run_type=run_type), runtime)

    assert (request.step, request.model, request.params, request.inputs) == ("shadow_review", "one", params, {})
    assert request.as_of == NIGHT[1]


@pytest.mark.parametrize(
    ("action", "events"), [("promote", ["one.model"]), ("reject", []), (None, []), ("rollback", [])]
)
def test_only_a_promotion_is_an_event_of_the_model(
    action: str | None, events: list[str], declare: Declare, runtime: Mock
) -> None:
    declare_with(declare, "one", SHADOW)
    result = {"model": "one", "version": 3, "action": action, "sequence": 7, "as_of": "2013-07-01T04:00:00Z"}
    runtime.return_value.run.return_value = StepOutcome(0, result=result)
    context = build_context(interval=NIGHT)

    review(context, runtime)

    assert [asset.name for asset in context["outlet_events"]] == events


@pytest.mark.parametrize(("run_type", "params"), [("scheduled", {}), ("backfill", {"backfill": True})])
def test_deploy_is_told_whether_the_run_is_a_backfill(
    run_type: str, params: dict, declare: Declare, runtime: Mock
) -> None:
    declare_with(declare, "one", CANARY)

    dags("train")["one__train"].get_task("deploy").execute(build_context(interval=NIGHT, run_type=run_type))

    assert runtime.return_value.run.call_args.args[0].params == params


def test_a_task_that_watches_a_version_gets_the_time_for_it(declare: Declare, runtime: Mock) -> None:
    declare_with(declare, "one", CANARY)
    train = dags("train")["one__train"]

    train.get_task("deploy").execute(build_context(interval=NIGHT))

    watched = timedelta(seconds=2 * 300 + 60)
    assert train.get_task("deploy").execution_timeout == timedelta(minutes=35) + watched
    assert train.get_task("train").execution_timeout == timedelta(minutes=35)
    assert runtime.call_args.kwargs["limits"].time_seconds == 30 * 60 + watched.total_seconds()


def test_the_training_dag_of_a_served_model_says_what_a_failed_deploy_means(declare: Declare) -> None:
    declare_with(declare, "one", "{}")
    declare_with(declare, "two", None)
    found = dags("train")

    assert "names the model server in its error" in found["one__train"].doc_md
    assert "model server" not in found["two__train"].doc_md
