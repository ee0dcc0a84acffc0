"""The operator of a step: makes its request, has a runtime run it, hands its result on."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

from airflow.sdk import BaseOperator, BaseOperatorLink, Context
from pydantic import JsonValue

from retrainer.airflow.connections import source_url
from retrainer.airflow.failures import as_task_failure
from retrainer.airflow.links import DataDocsLink, MlflowRunLink, ModelVersionLink
from retrainer.airflow.request import INPUTS, build_request
from retrainer.airflow.task_options import TaskOptions
from retrainer.config.declaration import ModelConfig
from retrainer.config.load import load_declaration
from retrainer.config.runtime import RuntimeSettings, connection_variable, load_settings
from retrainer.contracts import StepName, StepRequest
from retrainer.errors import RetrainerError
from retrainer.runtimes.limits import Limits
from retrainer.runtimes.process import ProcessRuntime

_LINKS: Mapping[StepName, tuple[BaseOperatorLink, ...]] = {
    "validate_data": (DataDocsLink(),),
    "train": (MlflowRunLink(),),
    "register": (ModelVersionLink(),),
}
_READS_SOURCE: tuple[StepName, ...] = ("wait_for_data", "snapshot")

_step_log = logging.getLogger("retrainer.step")


class StepOperator(BaseOperator):
    """Runs one step of one model. Returns the step's result; its asset event carries the run's as_of and type.

    Args:
        step: name of the step, and the task's id.
        declaration: the model's YAML file, read again when the task runs.
        project_root: folder whose settings hold.
    """

    ui_color = "#e8f1fb"

    def __init__(
        self, *, step: StepName, declaration: Path, project_root: Path, **options: Unpack[TaskOptions]
    ) -> None:
        super().__init__(task_id=step, **options)
        self.step = step
        self.declaration = declaration
        self.project_root = project_root
        self.operator_extra_links = _LINKS.get(step, ())

    def execute(self, context: Context) -> dict[str, JsonValue]:
        """Run the step.

        Raises:
            AirflowFailException: the declaration, the run's parameters or the data are wrong; a retry cannot help.
            AirflowException: anything else.
        """
        try:
            settings = load_settings(os.environ, self.project_root)
            config = load_declaration(self.declaration)
            request = build_request(context, config, self.step, inputs=self._inputs(context))
            result = self._run(request, config, settings)
        except RetrainerError as error:
            raise as_task_failure(error, context) from error
        self._announce(context, request, result)
        return result

    def on_kill(self) -> None:
        """End the step and everything that it started."""
        runtime = getattr(self, "_runtime", None)
        if runtime is not None:
            runtime.cancel()

    def _run(self, request: StepRequest, config: ModelConfig, settings: RuntimeSettings) -> dict[str, JsonValue]:
        limits = config.runtime.limits
        self._runtime = ProcessRuntime(
            environment=settings.child_environment() | self._secrets(config, settings),
            socket_path=settings.step_host_socket,
            limits=Limits(memory_mb=limits.memory_mb, time_seconds=limits.timeout_minutes * 60),
        )
        return self._runtime.run(request, _step_log.info).require_result(self.step)

    def _secrets(self, config: ModelConfig, settings: RuntimeSettings) -> dict[str, str]:
        """What must not be in the request. Only a step that reads the source gets its URL."""
        connection = config.source.connection
        if connection is None or self.step not in _READS_SOURCE:
            return {}
        return {connection_variable(connection): source_url(config.source, settings)}

    def _inputs(self, context: Context) -> dict[str, dict[str, JsonValue]]:
        """Results of the steps before, by name. A step that left none (set to success by hand) is left out."""
        found = {name: context["ti"].xcom_pull(task_ids=name) for name in INPUTS[self.step]}
        return {name: result for name, result in found.items() if result is not None}

    def _announce(self, context: Context, request: StepRequest, result: Mapping[str, JsonValue]) -> None:
        """Say in the asset event what happened. A model that was not promoted is no news: no event at all."""
        if self.step == "deploy" and result.get("action") != "promote":
            self.outlets = []
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {
                "as_of": request.as_of.isoformat(),
                "run_id": request.run_id,
                "run_type": str(context["dag_run"].run_type.value),
            }
