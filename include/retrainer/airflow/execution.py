"""The execution of a step in a task's process: request, runtime, result. Not imported by a parse of the DAG files."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import Context
from pydantic import JsonValue

from retrainer.airflow.connections import source_url
from retrainer.airflow.landing import Look
from retrainer.airflow.request import build_request
from retrainer.airflow.steps import INPUTS, PARTS
from retrainer.config.declaration import ModelConfig
from retrainer.config.load import load_declaration
from retrainer.config.runtime import RuntimeSettings, connection_variable, load_settings
from retrainer.contracts import Arrival, StepName, StepRequest
from retrainer.errors import DataNotReadyError, RetrainerError, SourceUnavailableError
from retrainer.runtimes.limits import Limits
from retrainer.runtimes.outcome import StepOutcome
from retrainer.runtimes.process import ProcessRuntime
from retrainer.runtimes.runtime import StepRuntime

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import Dataset
    from openlineage.client.facet_v2 import JobFacet, RunFacet

_READS_SOURCE: tuple[StepName, ...] = ("wait_for_data", "snapshot", "refresh_online")

_RELEASES: tuple[StepName, ...] = ("deploy", "shadow_review")
"""Steps that watch a version in the model server, which is not their own work."""

_NOT_LANDED = (DataNotReadyError.__name__, SourceUnavailableError.__name__)

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
        self.request: StepRequest = build_request(context, config, step, inputs=_inputs(context, step))
        self._config = config
        self._mlflow_uri = settings.mlflow_uri
        self._source_url = source_url(config.source, settings) if _reads_source(step, config) else ""
        self._runtime = self._choose_runtime(context, settings)

    def run(self) -> dict[str, JsonValue]:
        """The step's result. Its output goes to the task's log, line by line.

        Raises:
            RetrainerError: the step failed; its exit status says whether a retry may help. It has the step's own hint.
        """
        return self._result(self._runtime.run(self.request, _step_log.info))

    def look(self) -> Look:
        """What wait_for_data found. A source that is down may come back: it counts as not landed.

        Raises:
            RetrainerError: the step failed in another way.
        """
        outcome = self._runtime.run(self.request, _step_log.info)
        if outcome.error_kind in _NOT_LANDED and not outcome.reason:
            return Look(None, outcome.error_message.splitlines()[0])
        return Look(Arrival.model_validate(self._result(outcome)))

    def lineage(self, result: Mapping[str, JsonValue]) -> "OperatorLineage[Dataset, RunFacet | JobFacet]":
        """What the step read, and what it wrote as `result` says (nothing, where the step failed)."""
        from retrainer.airflow.lineage import Places, step_lineage

        places = Places(source_url=self._source_url, mlflow_uri=self._mlflow_uri)
        return step_lineage(self.request, result, source=self._config.source, places=places)

    def cancel(self) -> None:
        """End the step and everything that it started."""
        self._runtime.cancel()

    def _result(self, outcome: StepOutcome) -> dict[str, JsonValue]:
        try:
            return outcome.require_result(self.request.step)
        except RetrainerError as error:
            error.hint = error.hint or outcome.error_message.partition("\n\nHint: ")[2] or None
            raise

    def _choose_runtime(self, context: Context, settings: RuntimeSettings) -> StepRuntime:
        runtime, serving = self._config.runtime, self._config.serving
        watched = serving.release_seconds if serving and self.request.step in _RELEASES else 0
        seconds = runtime.limits.timeout_minutes * 60 + watched
        if runtime.kind == "process":
            return ProcessRuntime(
                environment=settings.child_environment() | self._secrets(),
                socket_path=settings.step_host_socket,
                limits=Limits(memory_mb=runtime.limits.memory_mb, time_seconds=seconds),
            )
        from retrainer.airflow.containers.choice import Needs, container_runtime

        needs = Needs(
            settings,
            source_url=self._source_url,
            secrets=self._secrets(),
            time_seconds=seconds,
            is_served=serving is not None,
            collects=self.request.step == "collect_predictions",
        )
        return container_runtime(runtime, context, needs)

    def _secrets(self) -> dict[str, str]:
        """What must not be in the request. Only a step that reads the source gets its URL."""
        connection = self._config.source.connection
        return {connection_variable(connection): self._source_url} if connection and self._source_url else {}


def _reads_source(step: StepName, config: ModelConfig) -> bool:
    """Does the step need the source's address from this worker? A pod has it from a Secret of its cluster."""
    return step in _READS_SOURCE and config.runtime.kind != "kubernetes"


def _inputs(context: Context, step: StepName) -> Mapping[str, dict[str, JsonValue]]:
    """Results of the steps before, by name. A step that left none (set to success by hand) is left out; what mapped
    tasks left is together, as `parts`."""
    found = {name: context["ti"].xcom_pull(task_ids=name) for name in INPUTS.get(step, ())}
    mapped = [name for _, name in PARTS.values()]
    return {
        name: {"parts": result if isinstance(result, list) else [result]} if name in mapped else result
        for name, result in found.items()
        if result is not None
    }
