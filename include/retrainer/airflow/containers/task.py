"""Which task a container belongs to, as it is written on it: so that a later try finds what an earlier one left."""

import hashlib
from dataclasses import dataclass

from airflow.sdk import Context

from retrainer.config.runtime import RuntimeSettings


@dataclass(frozen=True)
class TaskName:
    """A task of a run of a DAG in one deployment; every try of it has the same name."""

    deployment: str
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int

    @classmethod
    def of(cls, context: Context, *, deployment: str) -> "TaskName":
        """The task that is running."""
        ti = context["ti"]
        index = ti.map_index if ti.map_index is not None else -1
        return cls(deployment, ti.dag_id, ti.run_id, ti.task_id, index, ti.try_number)

    def __str__(self) -> str:
        mapped = f"/{self.map_index}" if self.map_index >= 0 else ""
        return f"{self.deployment}/{self.dag_id}/{self.run_id}/{self.task_id}{mapped}"


def deployment_of(settings: RuntimeSettings) -> str:
    """Twelve hexadecimal digits that tell apart deployments that share an engine, by where their records are.

    Two of them may well have the same model, schedule and run. The ledger's user and password are not in it.
    """
    kind, _, rest = settings.ledger_url.partition("://")
    ledger = f"{kind}://{rest.rpartition('@')[2]}"
    return hashlib.sha256("\n".join((settings.data_uri, settings.mlflow_uri, ledger)).encode()).hexdigest()[:12]
