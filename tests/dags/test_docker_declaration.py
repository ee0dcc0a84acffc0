"""A declaration whose steps run in containers: its DAGs, what the runtime gets, what is refused before it starts."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock, create_autospec

import pendulum
import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSensorTimeout, TaskDeferred

from retrainer.airflow.containers import docker
from retrainer.airflow.operators.step import StepOperator
from retrainer.airflow.sensors.wait_for_data import WaitForDataSensor
from retrainer.runtimes.outcome import StepOutcome
from tests.dags.conftest import PROJECT, Declare, build_context

NIGHT = (pendulum.datetime(2013, 5, 26, 4), pendulum.datetime(2013, 5, 27, 4))
IMAGE = f"sha256:{'3f1b' * 16}"
SECTION = f"""runtime:
  kind: docker
  docker:
    image: {IMAGE}
    environment: [AWS_ACCESS_KEY_ID]
    mounts: [{{ source: retrainer, target: /data }}]
"""
ARRIVAL = {
    "interval": {"start": "2013-05-26T04:00:00Z", "end": "2013-05-27T04:00:00Z"},
    "tables": [{"table": "flights", "rows": 2, "expected_rows": 2, "complete": True, "missing": ""}],
}
PLACES = {
    "RETRAINER_DATA_URI": "s3://bucket/retrainer",
    "RETRAINER_LEDGER_URL": "postgresql+psycopg://retrainer:hunter2@db.example/retrainer",
    "RETRAINER_MLFLOW_URI": "http://mlflow:5000",
    "RETRAINER_SERVING_URI": "http://server:8000",
    "AIRFLOW_CONN_FLIGHTS_SOURCE": "postgres://reader:hunter2@db.example/flights",
    "AWS_ACCESS_KEY_ID": "a key",
}


@pytest.fixture
def declaration(declare: Declare) -> Path:
    return declare("flight_delay", ("runtime:\n  kind: process\n", SECTION))


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mock]:
    """The class of the docker runtime, replaced, with all addresses that it needs."""
    for name, value in PLACES.items():
        monkeypatch.setenv(name, value)
    fake = create_autospec(docker.DockerRuntime)
    fake.return_value.run.return_value = StepOutcome(0, result={})
    monkeypatch.setattr(docker, "DockerRuntime", fake)
    return fake


def operator(declaration: Path, step: str = "snapshot") -> StepOperator:
    return StepOperator(step=step, declaration=declaration, project_root=PROJECT)


def sensor(declaration: Path) -> WaitForDataSensor:
    wait, often = timedelta(hours=12), timedelta(seconds=5)
    return WaitForDataSensor(declaration=declaration, project_root=PROJECT, timeout=wait, poke_interval=often)


def test_its_dags_are_those_of_any_model(declaration: Path, runtime: Mock) -> None:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(str(PROJECT / "dags"))

    assert bag.import_errors == {}
    assert "snapshot" in bag.dags["flight_delay__train"].task_ids
    runtime.assert_not_called()


def test_a_step_gets_settings_and_secrets_and_nothing_about_the_worker(declaration: Path, runtime: Mock) -> None:
    operator(declaration).execute(build_context(interval=NIGHT))

    (declared, task), given = runtime.call_args
    assert declared.docker.image == IMAGE
    assert re.fullmatch("[0-9a-f]{12}/flight_delay__train/a_run/a_task", str(task))
    assert given["time_seconds"] == 30 * 60
    environment = given["environment"]
    assert environment["RETRAINER_LEDGER_URL"] == PLACES["RETRAINER_LEDGER_URL"]
    assert environment["RETRAINER_CONN_FLIGHTS_SOURCE"] == "postgresql+psycopg://reader:hunter2@db.example/flights"
    assert environment["AWS_ACCESS_KEY_ID"] == "a key"
    of_the_worker = ("PROJECT_ROOT", "HOME", "STEP_HOST_SOCKET", "MODELS_DIR", "DOCKER_URL")
    assert [name for name in of_the_worker if f"RETRAINER_{name}" in environment] == []
    assert set(environment) & set(os.environ) <= set(PLACES)


def test_the_request_holds_no_secret(declaration: Path, runtime: Mock) -> None:
    operator(declaration).execute(build_context(interval=NIGHT))

    request = runtime.return_value.run.call_args.args[0]
    assert "hunter2" not in request.to_json()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "RETRAINER_DATA_URI",
            "/somewhere",
            "data_uri is /somewhere, which the step's container would have",
        ),
        ("RETRAINER_LEDGER_URL", "sqlite:////srv/a/ledger.sqlite", "ledger_url is /srv/a/ledger.sqlite"),
        ("RETRAINER_MLFLOW_URI", "http://127.0.0.1:5000", "mlflow_uri is at 127.0.0.1, which in the step's container"),
        (
            "RETRAINER_SERVING_URI",
            "http://localhost:8000",
            "serving_uri is at localhost, which in the step's",
        ),
        ("AIRFLOW_CONN_FLIGHTS_SOURCE", "postgres://reader:hunter2@localhost/a", "the source is at localhost"),
        ("AWS_ACCESS_KEY_ID", "", "runtime.docker.environment: AWS_ACCESS_KEY_ID is not set on this worker"),
    ],
)
def test_what_cannot_work_in_a_container_is_refused_before_one_is_made(
    name: str, value: str, message: str, declaration: Path, runtime: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value:
        monkeypatch.setenv(name, value)
    else:
        monkeypatch.delenv(name)

    with pytest.raises(AirflowFailException, match=message) as raised:
        operator(declaration).execute(build_context(interval=NIGHT))

    assert "hunter2" not in str(raised.value)
    runtime.assert_not_called()


def test_a_folder_that_is_mounted_may_be_used(
    declaration: Path, runtime: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETRAINER_DATA_URI", "/data/retrainer")

    assert operator(declaration).execute(build_context(interval=NIGHT)) == {}


def test_without_a_model_server_it_has_no_address_to_be_reached_at(
    declaration: Path, runtime: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETRAINER_SERVING_URI", "none")

    for step in ("snapshot", "collect_predictions"):
        assert operator(declaration, step).execute(build_context(interval=NIGHT)) == {}


def test_predictions_are_collected_where_the_servers_log_is_mounted(declare: Declare, runtime: Mock) -> None:
    not_mounted = declare("flight_delay", ("runtime:\n  kind: process\n", SECTION))
    with pytest.raises(AirflowFailException, match="the log of predictions is /var/lib/retrainer/serving/predictions"):
        operator(not_mounted, "collect_predictions").execute(build_context(interval=NIGHT))
    runtime.assert_not_called()

    log = "{ source: serving, target: /var/lib/retrainer/serving/predictions }"
    mounted = declare("flight_delay", ("runtime:\n  kind: process\n", SECTION.replace("/data }", f"/data }}, {log}")))
    assert operator(mounted, "collect_predictions").execute(build_context(interval=NIGHT)) == {}


@pytest.mark.parametrize("name", ["RETRAINER_DATA_URI", "RETRAINER_LEDGER_URL", "RETRAINER_MLFLOW_URI"])
def test_deployments_with_the_same_model_and_run_know_their_containers_apart(
    name: str, declaration: Path, runtime: Mock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def task() -> str:
        operator(declaration).execute(build_context(interval=NIGHT))
        return str(runtime.call_args.args[1])

    first = task()
    monkeypatch.setenv("RETRAINER_LEDGER_URL", PLACES["RETRAINER_LEDGER_URL"].replace("hunter2", "changed"))
    assert task() == first
    monkeypatch.setenv(name, PLACES[name] + "-staging")
    assert task() != first


def test_wait_for_data_looks_in_a_container_too(declaration: Path, runtime: Mock) -> None:
    runtime.return_value.run.return_value = StepOutcome(0, result=ARRIVAL)

    assert sensor(declaration).execute(build_context(interval=NIGHT)) == ARRIVAL
    assert runtime.return_value.run.call_args.args[0].step == "wait_for_data"


def not_landed() -> StepOutcome:
    return StepOutcome(1, error_kind="DataNotReadyError", error_message="interval has not landed: flights")


def resumed(deadline: str) -> dict[str, Any]:
    """What Airflow resumes a deferred task with: what it deferred with, and the event of its trigger."""
    return {"deadline": deadline, "event": "2013-05-27T04:01:00+00:00"}


def test_what_has_not_landed_is_looked_for_again_after_a_minute(declaration: Path, runtime: Mock) -> None:
    runtime.return_value.run.return_value = not_landed()
    context = build_context(interval=NIGHT)

    with pytest.raises(TaskDeferred) as raised:
        sensor(declaration).execute(context)

    assert raised.value.method_name == "look_again"
    deadline = raised.value.kwargs["deadline"]
    again: Any = raised.value.trigger.serialize()[1]["moment"]
    assert timedelta(seconds=50) < again - datetime.now(UTC) <= timedelta(seconds=60)
    runtime.return_value.run.return_value = StepOutcome(0, result=ARRIVAL)
    assert sensor(declaration).resume_execution("look_again", resumed(deadline), context) == ARRIVAL


def test_once_the_time_is_up_the_sensor_says_what_was_missing(declaration: Path, runtime: Mock) -> None:
    runtime.return_value.run.return_value = not_landed()
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()

    with pytest.raises(AirflowSensorTimeout, match="did not land in time: interval has not landed: flights"):
        sensor(declaration).resume_execution("look_again", resumed(past), build_context(interval=NIGHT))


def test_a_look_that_fails_in_another_way_is_an_error(declaration: Path, runtime: Mock) -> None:
    runtime.return_value.run.return_value = StepOutcome(-9, reason="memory limit 4096 MB exceeded")

    with pytest.raises(AirflowException, match="wait_for_data: memory limit 4096 MB exceeded"):
        sensor(declaration).execute(build_context(interval=NIGHT))


def test_killing_the_task_cancels_the_look(declaration: Path, runtime: Mock) -> None:
    runtime.return_value.run.return_value = StepOutcome(0, result=ARRIVAL)
    task = sensor(declaration)
    task.execute(build_context(interval=NIGHT))

    task.on_kill()

    runtime.return_value.cancel.assert_called_once_with()
