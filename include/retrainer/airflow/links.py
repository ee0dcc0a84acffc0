"""Buttons on a task in the Airflow UI. The task's process works the address out at its end; it is kept as an XCom."""

import re
from typing import ClassVar
from urllib.parse import quote

from airflow.sdk import BaseOperator, BaseOperatorLink, conf
from airflow.sdk.execution_time.xcom import XCom
from airflow.sdk.types import TaskInstanceKey

from retrainer.airflow.failures import HINT_KEY

TRAINING_RUN_KEY = "trigger_run_id"
"""XCom of a task that fired a run: its id. Airflow itself leaves it under this name."""

_ADDRESS = re.compile(r"https?://\S+")


def run_address(dag_id: str, run_id: str) -> str:
    """A run's page on this Airflow; without a configured base_url, on this machine."""
    base = conf.get("api", "base_url", fallback="") or "http://localhost:8080"
    return f"{base.rstrip('/')}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


class _ResultLink(BaseOperatorLink):
    """A link to the address that a step's result holds under `field`; empty (no button) where the step has none."""

    field: ClassVar[str]

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 Airflow's signature
        """The address, from the XCom that the task returned."""
        result = XCom.get_value(ti_key=ti_key, key=XCom.XCOM_RETURN_KEY)
        return str(result.get(self.field) or "") if isinstance(result, dict) else ""


class DataDocsLink(_ResultLink):
    """The report of the Great Expectations suite on this run's data, also where the data failed it."""

    name = "Data Docs"
    field = "docs_url"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The address in the result; where the step failed, the one in its hint."""
        hint = XCom.get_value(ti_key=ti_key, key=HINT_KEY)
        in_hint = _ADDRESS.search(hint) if isinstance(hint, str) else None
        return super().get_link(operator, ti_key=ti_key) or (in_hint[0] if in_hint else "")


class EvaluationReportLink(_ResultLink):
    """The evaluation report of this comparison, in MLflow."""

    name = "Evaluation report"
    field = "report_url"


class ModelCardLink(_ResultLink):
    """The model card of the registered version, in MLflow."""

    name = "Model card"
    field = "card_url"


class MlflowRunLink(_ResultLink):
    """The MLflow run of the trained challenger."""

    name = "MLflow run"
    field = "run_url"


class ModelVersionLink(_ResultLink):
    """The registered version in the MLflow registry."""

    name = "Model version"
    field = "version_url"


class DeployedVersionLink(ModelVersionLink):
    """The version that deploy decided about: the one that register made in the same run."""

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The address in the result of register."""
        # A running task is asked with itself instead of with its key.
        registered = TaskInstanceKey(ti_key.dag_id, "register", ti_key.run_id, map_index=ti_key.map_index)
        return super().get_link(operator, ti_key=registered)


class MonitoringReportLink(_ResultLink):
    """The report of this interval, with the decision's own numbers, in MLflow."""

    name = "Monitoring report"
    field = "report_url"


class TrainingRunLink(BaseOperatorLink):
    """The training run that monitoring has fired."""

    name = "Training run"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """The address on this Airflow; empty where no run was fired."""
        run_id = XCom.get_value(ti_key=ti_key, key=TRAINING_RUN_KEY)
        dag_id = getattr(operator, "trigger_dag_id", "")
        return run_address(dag_id, run_id) if isinstance(run_id, str) and run_id else ""


class LedgerEntryLink(BaseOperatorLink):
    """The entry of the ledger that a deployment or a rollback wrote, on the model's page."""

    name = "Ledger entry"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 Airflow's signature
        """The address on this Airflow; without a configured base_url, from its root."""
        release = XCom.get_value(ti_key=ti_key, key=XCom.XCOM_RETURN_KEY)
        if not isinstance(release, dict) or not release.get("sequence"):
            return ""
        base = conf.get("api", "base_url", fallback="") or ""
        model, entry = quote(str(release["model"]), safe=""), release["sequence"]
        # As in models_page.addresses, whose import a task's process is spared.
        return f"{base.rstrip('/')}/retrainer/models/{model}?entry={entry}#entry-{entry}"
