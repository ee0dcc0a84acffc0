"""StepOperator: what goes into a step, what comes out, and how each way to end shows in Airflow."""

import logging
from pathlib import Path
from unittest.mock import Mock, create_autospec

import pendulum
import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from retrainer.airflow import execution
from retrainer.airflow.operators.step import StepOperator
from retrainer.airflow.steps import INPUTS
from retrainer.contracts import PIPELINE, StepRequest
from retrainer.runtimes.outcome import StepOutcome
from retrainer.runtimes.process import ProcessRuntime
from tests.dags.conftest import PROJECT, Declare, build_context

NIGHT = (pendulum.datetime(2013, 5, 26, 4), pendulum.datetime(2013, 5, 27, 4))
SECRET = "hunter2"


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """The class of the runtime, replaced; a step of it is done with an empty result."""
    fake = create_autospec(ProcessRuntime)
    fake.return_value.run.return_value = StepOutcome(0, result={})
    monkeypatch.setattr(execution, "ProcessRuntime", fake)
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_SOURCE", f"postgres://reader:{SECRET}@db.internal:5433/flights")
    return fake


def operator(step: str, declaration: Path) -> StepOperator:
    return StepOperator(step=step, declaration=declaration, project_root=PROJECT)


def sent_request(runtime: Mock) -> StepRequest:
    return runtime.return_value.run.call_args.args[0]


def test_the_request_holds_config_interval_as_of_seed_and_run(declare: Declare, runtime: Mock) -> None:
    operator("snapshot", declare()).execute(build_context(interval=NIGHT))

    request = sent_request(runtime)
    assert (request.step, request.model, request.seed, request.run_id) == ("snapshot", "flight_delay", 2013, "a_run")
    assert (request.interval.start, request.interval.end, request.as_of) == (*NIGHT, NIGHT[1])
    assert request.config["gates"]["min_value"] == 0.55


@pytest.mark.parametrize("step", PIPELINE[1:])
def test_a_step_gets_the_results_of_the_steps_it_builds_on_and_no_others(
    step: str, declare: Declare, runtime: Mock
) -> None:
    results = {name: {"of": name} for name in (*PIPELINE, "approve")}

    operator(step, declare()).execute(build_context(interval=NIGHT, results=results))

    assert sent_request(runtime).inputs == {name: results[name] for name in INPUTS[step] if name in results}


def test_where_nobody_was_to_be_asked_deploy_gets_no_approval(declare: Declare, runtime: Mock) -> None:
    results = {name: {"of": name} for name in PIPELINE}

    operator("deploy", declare()).execute(build_context(interval=NIGHT, results=results))

    assert set(sent_request(runtime).inputs) == {"train", "compare", "register"}


def test_every_try_of_a_run_sends_the_same_request(declare: Declare, runtime: Mock) -> None:
    task = operator("train", declare())

    sent = []
    for _ in range(2):
        task.execute(build_context(interval=NIGHT, results={"build_features": {"rows": 3}}))
        sent.append(sent_request(runtime).to_json())

    assert sent[0] == sent[1]


def test_limits_and_socket_are_those_of_declaration_and_settings(
    declare: Declare, runtime: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETRAINER_STEP_HOST_SOCKET", "/tmp/a.sock")

    operator("train", declare()).execute(build_context(interval=NIGHT))

    given = runtime.call_args.kwargs
    assert given["socket_path"] == Path("/tmp/a.sock")
    assert (given["limits"].memory_mb, given["limits"].time_seconds) == (4096, 30 * 60)


def test_only_the_step_that_reads_the_source_gets_its_address_and_only_in_its_environment(
    declare: Declare, runtime: Mock
) -> None:
    path = declare()
    operator("snapshot", path).execute(build_context(interval=NIGHT))

    url = f"postgresql+psycopg://reader:{SECRET}@db.internal:5433/flights"
    assert runtime.call_args.kwargs["environment"]["RETRAINER_CONN_FLIGHTS_SOURCE"] == url
    assert SECRET not in sent_request(runtime).to_json()

    operator("train", path).execute(build_context(interval=NIGHT))
    assert "RETRAINER_CONN_FLIGHTS_SOURCE" not in runtime.call_args.kwargs["environment"]


def test_the_result_is_returned_and_the_output_goes_to_the_task_log(
    declare: Declare, runtime: Mock, caplog: pytest.LogCaptureFixture
) -> None:
    def run(request: StepRequest, log: object) -> StepOutcome:
        log("12 rows written")  # type: ignore[operator]
        return StepOutcome(0, result={"rows": 12})

    runtime.return_value.run.side_effect = run
    with caplog.at_level(logging.INFO):
        result = operator("build_features", declare()).execute(build_context(interval=NIGHT))

    assert result == {"rows": 12}
    assert "12 rows written" in caplog.messages


ENDINGS = {
    "1": (
        StepOutcome(1, error_kind="TrackingUnavailableError", error_message="MLflow is away"),
        False,
        "MLflow is away",
    ),
    "78, bad data": (
        StepOutcome(78, error_kind="BadDataError", error_message="dest is missing"),
        True,
        "dest is missing",
    ),
    "78, configuration": (StepOutcome(78, error_kind="ConfigurationError", error_message="no such"), True, "no such"),
    "killed": (StepOutcome(-9), False, "killed by SIGKILL"),
    "over its limit": (StepOutcome(-15, reason="time limit 1800 s exceeded"), False, "time limit 1800 s exceeded"),
}


@pytest.mark.parametrize(("outcome", "permanent", "message"), ENDINGS.values(), ids=ENDINGS)
def test_only_exit_status_78_is_never_retried(
    outcome: StepOutcome, permanent: bool, message: str, declare: Declare, runtime: Mock
) -> None:
    runtime.return_value.run.return_value = outcome
    context = build_context(interval=NIGHT)

    with pytest.raises(AirflowException, match=f"train: {message}") as raised:
        operator("train", declare()).execute(context)

    assert isinstance(raised.value, AirflowFailException) is permanent
    context["ti"].xcom_push.assert_called_once_with(key="error", value=f"train: {message}")


def test_the_hint_of_a_failed_step_is_in_the_error_and_kept_for_the_links(declare: Declare, runtime: Mock) -> None:
    said = "dest is missing\n- and more\n\nHint: all checks are in http://mlflow/docs"
    runtime.return_value.run.return_value = StepOutcome(78, error_kind="BadDataError", error_message=said)
    context = build_context(interval=NIGHT)

    with pytest.raises(AirflowFailException, match="Hint: all checks are in http://mlflow/docs"):
        operator("validate_data", declare()).execute(context)

    context["ti"].xcom_push.assert_any_call(key="error", value="validate_data: dest is missing")
    context["ti"].xcom_push.assert_any_call(key="hint", value="all checks are in http://mlflow/docs")


def test_a_declaration_that_broke_since_the_parse_fails_for_good_with_file_line_and_key(
    declare: Declare, runtime: Mock
) -> None:
    path = declare("flight_delay", ("metric: roc_auc", "metric: roc_auk"))

    with pytest.raises(AirflowFailException, match=r"flight_delay.yaml:\d+: evaluation.metric: .* mean 'roc_auc'"):
        operator("train", path).execute(build_context(interval=NIGHT))

    runtime.assert_not_called()


def test_a_connection_that_does_not_exist_is_named_and_tried_again(
    declare: Declare, runtime: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_FLIGHTS_SOURCE")

    with pytest.raises(AirflowException, match="Airflow connection 'flights_source' was not found") as raised:
        operator("snapshot", declare()).execute(build_context(interval=NIGHT))

    assert not isinstance(raised.value, AirflowFailException)


def test_killing_the_task_cancels_the_step(declare: Declare, runtime: Mock) -> None:
    task = operator("train", declare())
    task.on_kill()
    runtime.return_value.cancel.assert_not_called()

    task.execute(build_context(interval=NIGHT))
    task.on_kill()

    runtime.return_value.cancel.assert_called_once_with()


def deploy(declare: Declare, runtime: Mock, action: str) -> tuple[StepOperator, dict]:
    task = StepOperator(
        step="deploy", declaration=declare(), project_root=PROJECT, outlets=[Asset("flight_delay.model")]
    )
    runtime.return_value.run.return_value = StepOutcome(0, result={"action": action})
    context = build_context(interval=NIGHT, run_type="backfill")
    task.execute(context)
    return task, {asset.name: event.extra for asset, event in context["outlet_events"].items()}


def test_a_promotion_is_an_event_of_the_model_that_says_when_and_by_what_kind_of_run(
    declare: Declare, runtime: Mock
) -> None:
    task, events = deploy(declare, runtime, "promote")

    assert [asset.name for asset in task.outlets] == ["flight_delay.model"]
    said = {"as_of": "2013-05-27T04:00:00+00:00", "run_id": "a_run", "run_type": "backfill", "action": "promote"}
    assert events == {"flight_delay.model": said}


def test_a_model_that_was_not_promoted_makes_no_event(declare: Declare, runtime: Mock) -> None:
    task, events = deploy(declare, runtime, "reject")

    assert (task.outlets, events) == ([], {})
