"""The operator of a step: has it run, hands its result on."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from airflow.sdk import BaseOperator, BaseOperatorLink, Context

from retrainer.airflow.links import (
    DataDocsLink,
    DeployedVersionLink,
    EvaluationReportLink,
    LedgerEntryLink,
    MlflowRunLink,
    ModelCardLink,
    ModelVersionLink,
    MonitoringReportLink,
)
from retrainer.airflow.task_options import TaskOptions
from retrainer.errors import RetrainerError

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import Dataset
    from openlineage.client.facet_v2 import JobFacet, RunFacet
    from pydantic import JsonValue

    from retrainer.airflow.execution import StepExecution
    from retrainer.contracts import StepName, StepRequest

_LINKS: Mapping[str, tuple[BaseOperatorLink, ...]] = {
    "validate_data": (DataDocsLink(),),
    "train": (MlflowRunLink(),),
    "compare": (EvaluationReportLink(),),
    "register": (ModelVersionLink(), ModelCardLink()),
    "deploy": (LedgerEntryLink(), DeployedVersionLink()),
    "monitor": (MonitoringReportLink(),),
    "rollback": (LedgerEntryLink(),),
    "shadow_review": (LedgerEntryLink(),),
}

_RELEASES: Mapping[str, str] = {"deploy": "promote", "rollback": "rollback", "shadow_review": "promote"}
"""Steps that may move the champion, and the action by which they say that they did."""


class StepOperator(BaseOperator):
    """Runs one step of one model. Returns the step's result; its asset event carries the run's as_of and type.

    Args:
        step: name of the step, and where no other is given the task's id.
        declaration: the model's YAML file, read again when the task runs.
        project_root: folder whose settings hold.
    """

    ui_color = "#e8f1fb"

    def __init__(
        self, *, step: "StepName", declaration: Path, project_root: Path, **options: Unpack[TaskOptions]
    ) -> None:
        options.setdefault("task_id", step)
        super().__init__(**options)
        self.step = step
        self.declaration = declaration
        self.project_root = project_root
        self.operator_extra_links = _LINKS.get(step, ())
        self._execution: StepExecution | None = None
        self._result: Mapping[str, JsonValue] = {}

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
        self._result = result
        self._announce(context, self._execution.request, result)
        return result

    def on_kill(self) -> None:
        """End the step and everything that it started."""
        if self._execution is not None:
            self._execution.cancel()

    def get_openlineage_facets_on_complete(self, _: object) -> "OperatorLineage[Dataset, RunFacet | JobFacet] | None":
        """What the step read and wrote, for the OpenLineage provider; called by it alone, where it is switched on."""
        return self._execution.lineage(self._result) if self._execution is not None else None

    def _announce(self, context: Context, request: "StepRequest", result: "Mapping[str, JsonValue]") -> None:
        """Say in the asset event what happened. Where nothing was released or scored, no event at all."""
        is_release = self.step in _RELEASES
        if result.get("skipped") or (is_release and result.get("action") != _RELEASES[self.step]):
            self.outlets = []
        # A release is as of the training of what it put into production, which for a rollback is not the run's.
        about = {name: result[name] for name in ("as_of", "action", "version") if is_release and name in result}
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {
                "as_of": request.as_of.isoformat(),
                "run_id": request.run_id,
                "run_type": str(context["dag_run"].run_type.value),
                **about,
            }
