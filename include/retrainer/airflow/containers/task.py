"""Which task a container belongs to, as it is written on it: so that a later try finds what an earlier one left."""

from dataclasses import dataclass

from airflow.sdk import Context


@dataclass(frozen=True)
class TaskName:
    """A task of a run of a DAG; every try of it has the same name."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int

    @classmethod
    def of(cls, context: Context) -> "TaskName":
        """The task that is running."""
        ti = context["ti"]
        index = ti.map_index if ti.map_index is not None else -1
        return cls(ti.dag_id, ti.run_id, ti.task_id, index, ti.try_number)

    def __str__(self) -> str:
        mapped = f"/{self.map_index}" if self.map_index >= 0 else ""
        return f"{self.dag_id}/{self.run_id}/{self.task_id}{mapped}"
