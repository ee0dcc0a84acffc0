"""The execution of a step in a task's process: request, runtime, result. Not imported by a parse of the DAG files."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from airflow.sdk import Context
from pydantic import JsonValue

from retrainer.airflow.connections import source_url
from retrainer.airflow.request import build_request
from retrainer.airflow.steps import INPUTS
from retrainer.config.declaration import ModelConfig
from retrainer.config.load import load_declaration
from retrainer.config.runtime import RuntimeSettings, connection_variable, load_settings
from retrainer.contracts import StepName, StepRequest
from retrainer.errors import RetrainerError
from retrainer.runtimes.limits import Limits
from retrainer.runtimes.process import ProcessRuntime

_READS_SOURCE: tuple[StepName, ...] = ("wait_for_data", "snapshot")

_step_log = logging.getLogger("retrainer.step")


class StepExecution:
    """One step of one run, ready to run and to be cancelled.

    Raises:
        ConfigurationError: the declaration, a setting or a parameter of the run is wrong.
        SourceUnavailableError: the source's connection was not found.
    """

    def __init__(self, context: Context, step: StepName, *, declaration: Path, project_root: Path) -> None:
        settings = load_settings(os.environ, project_root)
        config = load_declaration(declaration)
        limits = config.runtime.limits
        self.request: StepRequest = build_request(context, config, step, inputs=_inputs(context, step))
        self._runtime = ProcessRuntime(
            environment=settings.child_environment() | _secrets(step, config, settings),
            socket_path=settings.step_host_socket,
            limits=Limits(memory_mb=limits.memory_mb, time_seconds=limits.timeout_minutes * 60),
        )

    def run(self) -> dict[str, JsonValue]:
        """The step's result. Its output goes to the task's log, line by line.

        Raises:
            RetrainerError: the step failed; its exit status says whether a retry may help. It has the step's own hint.
        """
        outcome = self._runtime.run(self.request, _step_log.info)
        try:
            return outcome.require_result(self.request.step)
        except RetrainerError as error:
            error.hint = error.hint or outcome.error_message.partition("\n\nHint: ")[2] or None
            raise

    def cancel(self) -> None:
        """End the step and everything that it started."""
        self._runtime.cancel()


def _inputs(context: Context, step: StepName) -> Mapping[str, dict[str, JsonValue]]:
    """Results of the steps before, by name. A step that left none (set to success by hand) is left out."""
    found = {name: context["ti"].xcom_pull(task_ids=name) for name in INPUTS[step]}
    return {name: result for name, result in found.items() if result is not None}


def _secrets(step: StepName, config: ModelConfig, settings: RuntimeSettings) -> dict[str, str]:
    """What must not be in the request. Only a step that reads the source gets its URL."""
    connection = config.source.connection
    if connection is None or step not in _READS_SOURCE:
        return {}
    return {connection_variable(connection): source_url(config.source, settings)}
