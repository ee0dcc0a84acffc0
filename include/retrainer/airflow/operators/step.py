"""The operator of a step: has it run, hands its result on."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from airflow.sdk import BaseOperator, BaseOperatorLink, Context

from retrainer.airflow.links import DataDocsLink, MlflowRunLink, ModelVersionLink
from retrainer.airflow.task_options import TaskOptions
from retrainer.errors import RetrainerError

if TYPE_CHECKING:
    from pydantic import JsonValue

    from retrainer.airflow.execution import StepExecution
    from retrainer.contracts import StepName, StepRequest

_LINKS: Mapping[str, tuple[BaseOperatorLink, ...]] = {
    "validate_data": (DataDocsLink(),),
    "train": (MlflowRunLink(),),
    "register": (ModelVersionLink(),),
}


class StepOperator(BaseOperator):
    """Runs one step of one model. Returns the step's result; its asset event carries the run's as_of and type.

    Args:
        step: name of the step, and the task's id.
        declaration: the model's YAML file, read again when the task runs.
        project_root: folder whose settings hold.
    """

    ui_color = "#e8f1fb"

    def __init__(
        self, *, step: "StepName", declaration: Path, project_root: Path, **options: Unpack[TaskOptions]
    ) -> None:
        super().__init__(task_id=step, **options)
        self.step = step
        self.declaration = declaration
        self.project_root = project_root
        self.operator_extra_links = _LINKS.get(step, ())
        self._execution: StepExecution | None = None

    def execute(self, context: Context) -> "dict[str, JsonValue]":
        """Run the step.

        Raises:
            AirflowFailException: the declaration, the run's parameters or the data are wrong; a retry cannot help.
            AirflowException: anything else.
        """
        # Imported here: each parse of the DAG file would pay 0.1 s for what only a running task needs.
        from retrainer.airflow.execution import StepExecution
        from retrainer.airflow.failures import as_task_failure

        try:
            self._execution = StepExecution(
                context, self.step, declaration=self.declaration, project_root=self.project_root
            )
            result = self._execution.run()
        except RetrainerError as error:
            raise as_task_failure(error, context) from error
        self._announce(context, self._execution.request, result)
        return result

    def on_kill(self) -> None:
        """End the step and everything that it started."""
        if self._execution is not None:
            self._execution.cancel()

    def _announce(self, context: Context, request: "StepRequest", result: "Mapping[str, JsonValue]") -> None:
        """Say in the asset event what happened. A model that was not promoted is no news: no event at all."""
        if self.step == "deploy" and result.get("action") != "promote":
            self.outlets = []
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {
                "as_of": request.as_of.isoformat(),
                "run_id": request.run_id,
                "run_type": str(context["dag_run"].run_type.value),
            }
