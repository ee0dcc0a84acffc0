"""The sensor before the first step: the run's interval has landed as a whole."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from airflow.sdk import BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowSensorTimeout

from retrainer.airflow.failures import ERROR_KEY, as_task_failure
from retrainer.airflow.task_options import TaskOptions
from retrainer.errors import ConfigurationError, RetrainerError

if TYPE_CHECKING:
    from pydantic import JsonValue

    from retrainer.airflow.execution import StepExecution


class WaitForDataSensor(BaseSensorOperator):
    """Looks once; if the interval is not all there, leaves the waiting to the triggerer and the worker to others.

    The triggerer looks too, every `poke_interval`; where the steps run in containers it wakes the task to look.

    Returns an Arrival as JSON. A source that is down counts as not landed yet.

    Args:
        declaration: the model's YAML file, read again when the task runs.
        project_root: folder whose settings hold.
        timeout: how long the trigger waits.
        poke_interval: how often it looks.
    """

    def __init__(
        self,
        *,
        declaration: Path,
        project_root: Path,
        timeout: timedelta,
        poke_interval: timedelta,
        **options: Unpack[TaskOptions],
    ) -> None:
        super().__init__(task_id="wait_for_data", timeout=timeout, poke_interval=poke_interval, **options)
        self.declaration = declaration
        self.project_root = project_root
        self._execution: StepExecution | None = None

    def execute(self, context: Context) -> "dict[str, JsonValue]":
        """Look once, then defer.

        Raises:
            AirflowFailException: the declaration or the run's parameters are wrong; a retry cannot help.
            AirflowException: the connection cannot be had.
            AirflowSkipException: the clock started the run and the schedule is over; the steps are skipped with it.
        """
        # Imported here: each parse of the DAG file would pay 0.1 s for what only a running task needs.
        from retrainer.airflow.waiting import look_or_defer

        wait = timedelta(seconds=self.timeout)
        try:
            if self._prepare_container(context):
                return self._look_in_container(context, datetime.now(UTC) + wait)
            return look_or_defer(
                context,
                declaration=self.declaration,
                project_root=self.project_root,
                wait=wait,
                poll_seconds=self.poke_interval,
            )
        except RetrainerError as error:
            raise as_task_failure(error, context) from error

    def look_again(self, context: Context, event: "JsonValue", deadline: str) -> "dict[str, JsonValue]":  # noqa: ARG002
        """Look in a container once more, after a while. `event` is the trigger's, which Airflow gives by that name.

        Raises:
            AirflowFailException, AirflowException, AirflowSkipException: as `execute`.
            AirflowSensorTimeout: the time is up.
        """
        try:
            self._prepare_container(context)
            return self._look_in_container(context, datetime.fromisoformat(deadline))
        except RetrainerError as error:
            raise as_task_failure(error, context) from error

    def on_kill(self) -> None:
        """End a look that is under way in a container."""
        if self._execution is not None:
            self._execution.cancel()

    def resume(self, context: Context, event: "Mapping[str, JsonValue]", interval: str) -> "dict[str, JsonValue]":
        """What the trigger found.

        Raises:
            AirflowSensorTimeout: the time was up; the message says what was missing. It is not tried again.
        """
        arrival = event["arrival"]
        if isinstance(arrival, dict):
            return arrival
        message = f"{interval} did not land in time: {event['missing']}"
        context["ti"].xcom_push(key=ERROR_KEY, value=message)
        raise AirflowSensorTimeout(message)

    def _prepare_container(self, context: Context) -> bool:
        """Do the steps of this model run in containers? Then one is ready to look."""
        from retrainer.airflow.waiting import container_look

        self._execution = container_look(context, declaration=self.declaration, project_root=self.project_root)
        return self._execution is not None

    def _look_in_container(self, context: Context, deadline: datetime) -> "dict[str, JsonValue]":
        from retrainer.airflow.waiting import look_in_container, words

        if self._execution is None:
            raise ConfigurationError("runtime.kind became process while the task waited: clear it")
        found = look_in_container(self._execution, deadline=deadline, poll_seconds=self.poke_interval)
        return self.resume(context, found, words(self._execution.request.interval))
