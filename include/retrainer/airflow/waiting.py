"""The first look of wait_for_data, in a task's process, and the wait that follows. Not imported by a parse."""

import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException, TaskDeferred
from pydantic import JsonValue

from retrainer.airflow.connections import source_url
from retrainer.airflow.landing import look
from retrainer.airflow.request import is_after_the_schedule, run_interval
from retrainer.airflow.triggers.arrival import ArrivalTrigger
from retrainer.config.load import load_declaration
from retrainer.config.runtime import load_settings
from retrainer.contracts import Interval

logger = logging.getLogger(__name__)


def look_or_defer(
    context: Context, *, declaration: Path, project_root: Path, wait: timedelta, poll_seconds: float
) -> dict[str, JsonValue]:
    """The Arrival, as JSON, of an interval that has landed as a whole.

    Raises:
        TaskDeferred: it has not; a trigger looks every `poll_seconds` for up to `wait`.
        AirflowSkipException: the clock started the run and the schedule is over.
        ConfigurationError, SourceUnavailableError: the declaration, a parameter or the connection cannot be used.
    """
    config = load_declaration(declaration)
    if is_after_the_schedule(context, config.schedule):
        raise AirflowSkipException(f"the schedule of {config.name} ended on {config.schedule.end}")
    interval = run_interval(context, config.schedule)
    url = source_url(config.source, load_settings(os.environ, project_root))
    found = look(config.source, interval, url=url, project_root=project_root)
    if found.arrival is not None:
        return found.arrival.model_dump(mode="json")
    logger.info("%s has not landed (%s): waiting for up to %s", _words(interval), found.missing, wait)
    raise TaskDeferred(
        trigger=ArrivalTrigger(
            source=config.source.model_dump(mode="json"),
            interval=interval.model_dump(mode="json"),
            deadline=(datetime.now(UTC) + wait).isoformat(),
            poll_seconds=poll_seconds,
            project_root=str(project_root),
        ),
        method_name="resume",
        kwargs={"interval": _words(interval)},
    )


def _words(interval: Interval) -> str:
    return f"{interval.start.isoformat()} to {interval.end.isoformat()}"
