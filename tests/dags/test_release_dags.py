"""The DAGs that a person starts for one model, rollback and rebuild, and the weekly maintenance of all."""

from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import pendulum
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException, AirflowFailException, ParamValidationError

from retrainer.contracts import StepRequest
from retrainer.runtimes.outcome import StepOutcome
from tests.dags.conftest import PROJECT, Declare, build_context

NOW = (pendulum.datetime(2026, 11, 21, 9), pendulum.datetime(2026, 11, 21, 9))


def dag_of(name: str, dag_id: str) -> DAG:
    return DagBag(PROJECT / "dags" / f"{name}.py").dags[dag_id]


def sent_request(runtime: Mock) -> StepRequest:
    return runtime.return_value.run.call_args.args[0]


@pytest.mark.parametrize("kind", ["rollback", "rebuild"])
def test_a_form_is_one_task_that_only_a_person_starts_one_at_a_time(kind: str, declare: Declare) -> None:
    declare("one")

    dag = dag_of(kind, f"one__{kind}")

    assert dag.task_ids == [kind]
    assert (dag.schedule, dag.max_active_runs, dag.is_paused_upon_creation) == (None, 1, False)
    assert dag.tags >= {"retrainer", kind, "one"}


def test_a_rollback_that_may_succeed_later_is_tried_again_soon(declare: Declare) -> None:
    declare("one")

    task = dag_of("rollback", "one__rollback").get_task("rollback")

    assert (task.retries, task.retry_delay) == (2, timedelta(seconds=5))


@pytest.mark.parametrize("target", ["previous", "1", "120"])
def test_a_rollback_takes_previous_or_a_version(target: str, declare: Declare) -> None:
    declare("one")
    params = dag_of("rollback", "one__rollback").params

    params["target"] = target
    params["reason"] = "complaints from the gate"

    params.validate()


@pytest.mark.parametrize(
    ("name", "value"),
    [("target", "latest"), ("target", "0"), ("target", ""), ("target", None), ("reason", "no"), ("reason", None)],
)
def test_a_rollback_takes_nothing_else(name: str, value: str | None, declare: Declare) -> None:
    declare("one")

    with pytest.raises(ParamValidationError, match=name):
        dag_of("rollback", "one__rollback").params[name] = value


@pytest.mark.parametrize(("kind", "name"), [("rollback", "reason"), ("rebuild", "version")])
def test_a_form_without_what_is_required_is_refused(kind: str, name: str, declare: Declare) -> None:
    declare("one")

    with pytest.raises(ParamValidationError, match=name):
        dag_of(kind, f"one__{kind}").params.validate()


@pytest.mark.parametrize("version", [0, -1, 1.5, "3", None])
def test_a_rebuild_takes_a_version_and_nothing_else(version: object, declare: Declare) -> None:
    declare("one")
    params = dag_of("rebuild", "one__rebuild").params
    params["version"] = 3
    params.validate()

    with pytest.raises(ParamValidationError, match="version"):
        params["version"] = version


@pytest.mark.parametrize(
    ("user", "target", "asked"),
    [
        ("ada", "previous", {"target": "previous", "reason": "too many alarms", "actor": "ada"}),
        (None, "7", {"target": 7, "reason": "too many alarms", "actor": "a_run"}),
    ],
    ids=["by a user", "without one, to a version"],
)
def test_the_step_is_told_what_the_form_says_and_who_sent_it(
    user: str | None, target: str, asked: dict, declare: Declare, runtime: Mock
) -> None:
    declare("one")
    context = build_context(interval=NOW, params={"target": target, "reason": "too many alarms"})
    context["dag_run"].triggering_user_name = user

    dag_of("rollback", "one__rollback").get_task("rollback").execute(context)

    request = sent_request(runtime)
    assert (request.step, request.model, request.params, request.inputs) == ("rollback", "one", asked, {})


def rolled_back(declare: Declare, runtime: Mock, action: str) -> dict[str, dict]:
    declare("one")
    release = {"model": "one", "sequence": 5, "action": action, "version": 3, "as_of": "2013-04-01T04:00:00Z"}
    runtime.return_value.run.return_value = StepOutcome(0, result=release)
    context = build_context(interval=NOW, params={"target": "previous", "reason": "too many alarms"})
    dag_of("rollback", "one__rollback").get_task("rollback").execute(context)
    return {asset.name: event.extra for asset, event in context["outlet_events"].items()}


def test_a_rollback_is_an_event_of_the_model_as_of_what_serves_now(declare: Declare, runtime: Mock) -> None:
    assert rolled_back(declare, runtime, "rollback") == {
        "one.model": {
            "as_of": "2013-04-01T04:00:00Z",
            "action": "rollback",
            "version": 3,
            "run_id": "a_run",
            "run_type": "manual",
        }
    }


def test_a_rollback_that_moved_nothing_is_no_event(declare: Declare, runtime: Mock) -> None:
    assert rolled_back(declare, runtime, "reject") == {}


def test_a_refused_rollback_is_not_tried_again(declare: Declare, runtime: Mock) -> None:
    declare("one")
    said = "v9 does not exist\n\nHint: these would do: 2, 3"
    runtime.return_value.run.return_value = StepOutcome(78, error_kind="ConfigurationError", error_message=said)
    context = build_context(interval=NOW, params={"target": "9", "reason": "too many alarms"})

    with pytest.raises(AirflowFailException, match="v9 does not exist\n\nHint: these would do: 2, 3"):
        dag_of("rollback", "one__rollback").get_task("rollback").execute(context)


def rebuild(declare: Declare, runtime: Mock, outcome: StepOutcome) -> tuple[dict, Mock]:
    declare("one")
    runtime.return_value.run.return_value = outcome
    context = build_context(interval=NOW, params={"version": 3})
    task = dag_of("rebuild", "one__rebuild").get_task("rebuild")
    try:
        return task.execute(context), context["ti"]
    except AirflowException as error:
        error.ti = context["ti"]  # type: ignore[attr-defined]
        raise


def rebuilt(*, matches: bool) -> dict:
    return {
        "model": "one",
        "version": 3,
        "matches": matches,
        "first_difference": "" if matches else "lock",
        "checks": [
            {"name": "code", "matches": True, "expected": "a", "found": "a", "message": "the same code"},
            {"name": "lock", "matches": matches, "expected": "b", "found": "c", "message": "requirements.lock changed"},
        ],
    }


def test_a_version_that_comes_out_the_same_is_a_success(declare: Declare, runtime: Mock) -> None:
    result, _ = rebuild(declare, runtime, StepOutcome(0, result=rebuilt(matches=True)))

    assert result["matches"] is True
    assert sent_request(runtime).params == {"version": 3}


def test_a_version_that_differs_fails_for_good_says_what_differs_first_and_keeps_every_check(
    declare: Declare, runtime: Mock
) -> None:
    with pytest.raises(AirflowFailException) as raised:
        rebuild(declare, runtime, StepOutcome(0, result=rebuilt(matches=False)))

    assert str(raised.value) == "one v3 was not rebuilt: lock differs: requirements.lock changed"
    pushed = {call.kwargs["key"]: call.kwargs["value"] for call in raised.value.ti.xcom_push.call_args_list}
    assert pushed == {"return_value": rebuilt(matches=False), "error": str(raised.value)}


def test_a_rebuild_that_could_not_be_done_may_be_tried_again(declare: Declare, runtime: Mock) -> None:
    away = StepOutcome(1, error_kind="TrackingUnavailableError", error_message="MLflow is away")

    with pytest.raises(AirflowException, match="MLflow is away") as raised:
        rebuild(declare, runtime, away)

    assert not isinstance(raised.value, AirflowFailException)


def test_maintenance_has_a_task_for_each_model_and_none_waits_for_another(declare: Declare) -> None:
    for name in ("one", "two"):
        declare(name)

    dag = dag_of("maintenance", "maintenance")

    assert sorted(dag.task_ids) == ["one__archive", "two__archive"]
    assert all(not task.upstream_task_ids and not task.downstream_task_ids for task in dag.tasks)
    assert [task.owner for task in dag.tasks] == ["flight-operations", "flight-operations"]


def test_maintenance_archives_the_model_of_its_task(declare: Declare, runtime: Mock) -> None:
    for name in ("one", "two"):
        declare(name)

    dag_of("maintenance", "maintenance").get_task("two__archive").execute(build_context(interval=NOW))

    request = sent_request(runtime)
    assert (request.step, request.model, request.params) == ("archive", "two", {})


def test_maintenance_runs_by_itself_one_run_at_a_time(declare: Declare) -> None:
    declare("one")

    dag = dag_of("maintenance", "maintenance")

    assert (dag.start_date, dag.catchup, dag.max_active_runs, dag.is_paused_upon_creation) == (None, False, 1, False)


def test_without_any_good_declaration_there_is_nothing_to_maintain(models_dir: Path) -> None:
    assert dag_of("maintenance", "maintenance").task_ids == []
    assert list(models_dir.iterdir()) == []
