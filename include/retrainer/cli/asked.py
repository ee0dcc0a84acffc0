"""A step that a person asks for on the command line: its request, and running it as Airflow's tasks do."""

import logging
import sys
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from pydantic import JsonValue

from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import Contract, Interval, StepName, StepRequest
from retrainer.errors import RetrainerError
from retrainer.runtimes.limits import Limits
from retrainer.runtimes.process import ProcessRuntime

_Result = TypeVar("_Result", bound=Contract)


def asked_now(
    step: StepName, model: str, params: Mapping[str, JsonValue], *, config: Mapping[str, JsonValue] | None = None
) -> StepRequest:
    """The request of a step that looks at no interval: interval and as_of only say when it was asked for."""
    now = datetime.now(UTC)
    return StepRequest(
        step=step,
        model=model,
        config=dict(config or {}),
        params=dict(params),
        interval=Interval(start=now - timedelta(days=1), end=now),
        as_of=now,
        seed=0,
        run_id=f"cli__{uuid.uuid4()}",
    )


def run_step(
    request: StepRequest, settings: RuntimeSettings, limits: Limits, result: type[_Result], *, verbose: bool
) -> _Result:
    """Run the step, forked from the step host where there is one, else as a plain process; with its log if `verbose`.

    Raises:
        RetrainerError: as the step raised it, with its hint.
    """
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, format="%(message)s", stream=sys.stderr)
    runtime = ProcessRuntime(
        environment=settings.child_environment(), socket_path=settings.step_host_socket, limits=limits
    )
    outcome = runtime.run(request, logging.getLogger(__name__).info)
    try:
        return result.model_validate(outcome.require_result(request.step))
    except RetrainerError as error:
        error.hint = error.hint or outcome.error_message.partition("\n\nHint: ")[2] or None
        raise
