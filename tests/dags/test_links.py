"""The buttons on a task: the address is in what the task left behind."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from airflow.sdk import BaseOperator
from airflow.sdk.execution_time.xcom import XCom
from airflow.sdk.types import TaskInstanceKey

from retrainer.airflow.links import (
    DataDocsLink,
    DeployedVersionLink,
    EvaluationReportLink,
    LedgerEntryLink,
    MlflowRunLink,
    ModelCardLink,
    ModelVersionLink,
    MonitoringReportLink,
    TrainingRunLink,
)
from retrainer.airflow.models_page.addresses import Addresses

TASK = BaseOperator(task_id="a_task")


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """XComs of the task, by key."""
    xcoms: dict[str, object] = {}
    monkeypatch.setattr(XCom, "get_value", lambda *, ti_key, key: xcoms.get(key))
    return xcoms


@pytest.mark.parametrize(
    ("link", "field"),
    [
        (DataDocsLink(), "docs_url"),
        (MlflowRunLink(), "run_url"),
        (EvaluationReportLink(), "report_url"),
        (ModelVersionLink(), "version_url"),
        (ModelCardLink(), "card_url"),
        (MonitoringReportLink(), "report_url"),
    ],
)
def test_a_link_goes_to_the_address_in_the_result(link: MlflowRunLink, field: str, left: dict[str, object]) -> None:
    left["return_value"] = {field: "http://mlflow/x", "rows": 3}

    assert link.get_link(TASK, ti_key=None) == "http://mlflow/x"


@pytest.mark.parametrize("result", [None, {}, {"run_url": None}, "text"])
def test_without_an_address_there_is_no_link(result: object, left: dict[str, object]) -> None:
    left["return_value"] = result

    assert MlflowRunLink().get_link(TASK, ti_key=None) == ""


def test_where_the_data_failed_the_report_is_found_through_the_hint(left: dict[str, object]) -> None:
    left["hint"] = "The rows are in quarantine; all checks are in http://mlflow/runs/1/data_docs.html"

    assert DataDocsLink().get_link(TASK, ti_key=None) == "http://mlflow/runs/1/data_docs.html"


RELEASE = {"model": "flight_delay", "sequence": 4, "action": "reject"}


@pytest.mark.parametrize(
    ("base_url", "address"),
    [
        ("https://air.example/flow/", "https://air.example/flow/retrainer/models/flight_delay?entry=4#entry-4"),
        ("", "/retrainer/models/flight_delay?entry=4#entry-4"),
    ],
    ids=["where this Airflow is", "from its root"],
)
def test_a_release_goes_to_its_entry_of_the_ledger(
    base_url: str, address: str, left: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", base_url)
    left["return_value"] = RELEASE

    assert LedgerEntryLink().get_link(TASK, ti_key=None) == address
    assert address.endswith(Addresses("/").entry("flight_delay", 4))


@pytest.mark.parametrize("result", [None, {}, {"model": "flight_delay", "sequence": None}, "text"])
def test_a_release_that_was_not_written_has_no_link(result: object, left: dict[str, object]) -> None:
    left["return_value"] = result

    assert LedgerEntryLink().get_link(TASK, ti_key=None) == ""


def running_task(dag_id: str, task_id: str, run_id: str, try_number: int, map_index: int) -> SimpleNamespace:
    """What Airflow hands over at the end of a task: the task instance, which has a key's attributes only."""
    return SimpleNamespace(dag_id=dag_id, task_id=task_id, run_id=run_id, try_number=try_number, map_index=map_index)


@pytest.mark.parametrize("kind", [TaskInstanceKey, running_task], ids=["a key", "the running task"])
def test_deploy_finds_the_version_in_what_register_left(monkeypatch: pytest.MonkeyPatch, kind: Callable) -> None:
    results = {"register": {"version_url": "http://mlflow/7"}, "deploy": RELEASE}
    monkeypatch.setattr(XCom, "get_value", lambda *, ti_key, key: results[ti_key.task_id])
    key = kind("flight_delay__train", "deploy", "a_run", 1, -1)

    assert DeployedVersionLink().get_link(TASK, ti_key=key) == "http://mlflow/7"


def test_the_training_run_that_was_fired_is_linked(left: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/team/")
    left["trigger_run_id"] = "monitor__2__2013-06-03T04:00:00Z"
    task = SimpleNamespace(trigger_dag_id="one__train")

    link = TrainingRunLink().get_link(task, ti_key=None)

    assert link == "https://airflow.example/team/dags/one__train/runs/monitor__2__2013-06-03T04%3A00%3A00Z"


def test_where_none_was_fired_there_is_no_link(left: dict[str, object]) -> None:
    assert TrainingRunLink().get_link(SimpleNamespace(trigger_dag_id="one__train"), ti_key=None) == ""
