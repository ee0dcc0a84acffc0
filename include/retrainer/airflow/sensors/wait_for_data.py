"""The sensor before the first step: the run's interval has landed as a whole."""

import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Unpack

from airflow.sdk import BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException, TaskDeferred
from pydantic import JsonValue

from retrainer.airflow.connections import source_url
from retrainer.airflow.failures import ERROR_KEY, as_task_failure
from retrainer.airflow.landing import look
from retrainer.airflow.request import is_after_the_schedule, run_interval
from retrainer.airflow.task_options import TaskOptions
from retrainer.airflow.triggers.arrival import ArrivalTrigger
from retrainer.config.load import load_declaration
from retrainer.config.runtime import load_settings
from retrainer.contracts import Interval
from retrainer.errors import RetrainerError

logger = logging.getLogger(__name__)


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

    def execute(self, context: Context) -> dict[str, JsonValue]:
        """Look once, then defer.

        Raises:
            AirflowFailException: the declaration or the run's parameters are wrong; a retry cannot help.
            AirflowException: the connection cannot be had.
            AirflowSkipException: the clock started the run and the schedule is over; the steps are skipped with it.
        """
        try:
            config = load_declaration(self.declaration)
            if is_after_the_schedule(context, config.schedule):
                raise AirflowSkipException(f"the schedule of {config.name} ended on {config.schedule.end}")
            interval = run_interval(context, config.schedule)
            url = source_url(config.source, load_settings(os.environ, self.project_root))
            found = look(config.source, interval, url=url, project_root=self.project_root)
        except RetrainerError as error:
            raise as_task_failure(error, context) from error
        if found.arrival is not None:
            return found.arrival.model_dump(mode="json")
        logger.info(
            "%s has not landed (%s): waiting for up to %s",
            _words(interval),
            found.missing,
            timedelta(seconds=self.timeout),
        )
        raise TaskDeferred(
            trigger=ArrivalTrigger(
                source=config.source.model_dump(mode="json"),
                interval=interval.model_dump(mode="json"),
                deadline=(datetime.now(UTC) + timedelta(seconds=self.timeout)).isoformat(),
                poll_seconds=self.poke_interval,
                project_root=str(self.project_root),
            ),
            method_name="resume",
            kwargs={"interval": _words(interval)},
        )

    def resume(self, context: Context, event: Mapping[str, JsonValue], interval: str) -> JsonValue:
        """What the trigger found.

        Raises:
            AirflowSensorTimeout: the time was up; the message says what was missing. It is not tried again.
        """
        if event["arrival"] is not None:
            return event["arrival"]
        message = f"{interval} did not land in time: {event['missing']}"
        context["ti"].xcom_push(key=ERROR_KEY, value=message)
        raise AirflowSensorTimeout(message)


def _words(interval: Interval) -> str:
    return f"{interval.start.isoformat()} to {interval.end.isoformat()}"
