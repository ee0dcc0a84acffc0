"""The first look of wait_for_data, in a task's process, and the wait that follows. Not imported by a parse.

Where the steps run in containers, each look is one of them: neither worker nor triggerer needs to reach the source.
"""

import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSkipException, TaskDeferred
from pydantic import JsonValue

from retrainer.airflow.connections import source_url
from retrainer.airflow.execution import StepExecution
from retrainer.airflow.landing import look
from retrainer.airflow.request import is_after_the_schedule, run_interval
from retrainer.airflow.triggers.arrival import ArrivalTrigger
from retrainer.config.declaration import ModelConfig
from retrainer.config.load import load_declaration
from retrainer.config.runtime import load_settings
from retrainer.contracts import Interval

_CONTAINER_POLL_SECONDS = 60
"""A container takes some seconds to say that nothing has landed yet."""

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
    _skip_after_the_schedule(context, config)
    interval = run_interval(context, config.schedule)
    url = source_url(config.source, load_settings(os.environ, project_root))
    found = look(config.source, interval, url=url, project_root=project_root)
    if found.arrival is not None:
        return found.arrival.model_dump(mode="json")
    logger.info("%s has not landed (%s): waiting for up to %s", words(interval), found.missing, wait)
    raise TaskDeferred(
        trigger=ArrivalTrigger(
            source=config.source.model_dump(mode="json"),
            interval=interval.model_dump(mode="json"),
            deadline=(datetime.now(UTC) + wait).isoformat(),
            poll_seconds=poll_seconds,
            project_root=str(project_root),
        ),
        method_name="resume",
        kwargs={"interval": words(interval)},
    )


def container_look(context: Context, *, declaration: Path, project_root: Path) -> StepExecution | None:
    """A look in a container, ready to be made; None where the steps run on the worker.

    Raises:
        AirflowSkipException: the clock started the run and the schedule is over.
        ConfigurationError, SourceUnavailableError: the declaration, a parameter or the connection cannot be used.
    """
    config = load_declaration(declaration)
    if config.runtime.kind == "process":
        return None
    _skip_after_the_schedule(context, config)
    return StepExecution(context, "wait_for_data", declaration=declaration, project_root=project_root)


def look_in_container(execution: StepExecution, *, deadline: datetime, poll_seconds: float) -> dict[str, JsonValue]:
    """What was found, as the trigger says it: `arrival`, or null and what is `missing` although the time is up.

    Raises:
        TaskDeferred: it has not landed, and there is time; the task looks again after `poll_seconds`, at least 60.
        RetrainerError: the look failed.
    """
    found = execution.look()
    now = datetime.now(UTC)
    if found.arrival is not None or now >= deadline:
        return {
            "arrival": found.arrival.model_dump(mode="json") if found.arrival else None,
            "missing": found.missing,
        }
    interval = execution.request.interval
    logger.info("%s has not landed (%s): waiting until %s", words(interval), found.missing, deadline)
    again = min(now + timedelta(seconds=max(poll_seconds, _CONTAINER_POLL_SECONDS)), deadline)
    raise TaskDeferred(
        trigger=DateTimeTrigger(moment=again), method_name="look_again", kwargs={"deadline": deadline.isoformat()}
    )


def words(interval: Interval) -> str:
    """From when to when it is."""
    return f"{interval.start.isoformat()} to {interval.end.isoformat()}"


def _skip_after_the_schedule(context: Context, config: ModelConfig) -> None:
    if is_after_the_schedule(context, config.schedule):
        raise AirflowSkipException(f"the schedule of {config.name} ended on {config.schedule.end}")
