"""The sensor before the first step: the run's interval has landed as a whole."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from airflow.sdk import BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowSensorTimeout

from retrainer.airflow.failures import ERROR_KEY, as_task_failure
from retrainer.airflow.task_options import TaskOptions
from retrainer.errors import RetrainerError

if TYPE_CHECKING:
    from pydantic import JsonValue


class WaitForDataSensor(BaseSensorOperator):
    """Looks once; if the interval is not all there, leaves the waiting to the triggerer and the worker to others.

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

    def execute(self, context: Context) -> "dict[str, JsonValue]":
        """Look once, then defer.

        Raises:
            AirflowFailException: the declaration or the run's parameters are wrong; a retry cannot help.
            AirflowException: the connection cannot be had.
            AirflowSkipException: the clock started the run and the schedule is over; the steps are skipped with it.
        """
        # Imported here: each parse of the DAG file would pay 0.1 s for what only a running task needs.
        from retrainer.airflow.waiting import look_or_defer

        try:
            return look_or_defer(
                context,
                declaration=self.declaration,
                project_root=self.project_root,
                wait=timedelta(seconds=self.timeout),
                poll_seconds=self.poke_interval,
            )
        except RetrainerError as error:
            raise as_task_failure(error, context) from error

    def resume(self, context: Context, event: "Mapping[str, JsonValue]", interval: str) -> "JsonValue":
        """What the trigger found.

        Raises:
            AirflowSensorTimeout: the time was up; the message says what was missing. It is not tried again.
        """
        if event["arrival"] is not None:
            return event["arrival"]
        message = f"{interval} did not land in time: {event['missing']}"
        context["ti"].xcom_push(key=ERROR_KEY, value=message)
        raise AirflowSensorTimeout(message)
