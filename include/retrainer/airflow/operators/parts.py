"""The operators of a step that is done in parts: one plans them, and a mapped one does each."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from airflow.sdk import DAG, Context

from retrainer.airflow.operators.step import StepOperator
from retrainer.airflow.steps import PARTS
from retrainer.airflow.task_options import TaskOptions

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.definitions.mappedoperator import MappedOperator

    from retrainer.contracts import StepName

    Task = BaseOperator | MappedOperator


def parts_of(step: "StepName", *, dag: DAG, declaration: Path, project_root: Path) -> "list[Task]":
    """The task that plans the parts of a step, and the mapped one that does them; the caller chains them."""
    planning, doing = PARTS[step]
    plan = PlanOperator(dag=dag, step=planning, declaration=declaration, project_root=project_root)
    part = PartOperator.partial(
        dag=dag,
        task_id=doing,
        step=doing,
        declaration=declaration,
        project_root=project_root,
        map_index_template="{{ task.part_name }}",
    ).expand(part=plan.output)
    return [plan, part]


class PlanOperator(StepOperator):
    """Runs a step that plans parts; returns the list of them, which Airflow maps over. It is never empty."""

    def execute(self, context: Context) -> Any:
        """Run the step; see StepOperator."""
        return super().execute(context)["parts"]


class PartOperator(StepOperator):
    """Runs a step on one part.

    Args:
        part: what the plan says of it.
        others: see StepOperator.
    """

    def __init__(
        self,
        *,
        step: "StepName",
        declaration: Path,
        project_root: Path,
        part: Mapping[str, Any],
        **options: Unpack[TaskOptions],
    ) -> None:
        super().__init__(step=step, declaration=declaration, project_root=project_root, **options)
        self.part = part

    @property
    def part_name(self) -> str:
        """What the UI calls the part."""
        start, end = (str(self.part["window"][name]).removesuffix("Z")[:16] for name in ("start", "end"))
        return f"{start} to {end}: {self.part['rows']} rows"
