"""The buttons on a task: the address is in what the task left behind."""

import pytest
from airflow.sdk import BaseOperator
from airflow.sdk.execution_time.xcom import XCom

from retrainer.airflow.links import DataDocsLink, MlflowRunLink, ModelVersionLink

TASK = BaseOperator(task_id="a_task")


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """XComs of the task, by key."""
    xcoms: dict[str, object] = {}
    monkeypatch.setattr(XCom, "get_value", lambda *, ti_key, key: xcoms.get(key))
    return xcoms


@pytest.mark.parametrize(
    ("link", "field"), [(DataDocsLink(), "docs_url"), (MlflowRunLink(), "run_url"), (ModelVersionLink(), "version_url")]
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
