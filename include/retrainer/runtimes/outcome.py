"""How a step ended, and which error that is."""

import signal
from dataclasses import dataclass

from pydantic import JsonValue

from retrainer.errors import (
    EXIT_PERMANENT,
    BadDataError,
    ConfigurationError,
    RetrainerError,
    StepFailedError,
    UnsafeArtifactError,
)

_PERMANENT: dict[str, type[RetrainerError]] = {
    kind.__name__: kind for kind in (ConfigurationError, BadDataError, UnsafeArtifactError)
}


@dataclass(frozen=True)
class StepOutcome:
    """How a step ended.

    `exit_status` is minus the signal's number if a signal ended it. `reason` says why it was ended (a limit, cancelled,
    the step host went away); it is empty if the step ended by itself. `error_kind` and `error_message` are what the
    step itself said. `runtime` is `host` or `plain`.
    """

    exit_status: int
    result: dict[str, JsonValue] | None = None
    reason: str = ""
    error_kind: str = ""
    error_message: str = ""
    runtime: str = "plain"

    @property
    def is_done(self) -> bool:
        """Did the step end well, with a result?"""
        return self.exit_status == 0 and self.result is not None

    def require_result(self, step: str) -> dict[str, JsonValue]:
        """The result of the step named `step`.

        Raises:
            ConfigurationError, BadDataError, UnsafeArtifactError: the step says that retrying is useless (status 78).
            StepFailedError: it failed, was ended or crashed; a retry may help.
            Every message is the first line of the step's own error, or the reason, after the step's name.
        """
        if self.exit_status == 0 and self.result is not None:
            return self.result
        message = f"{step}: {self._why()}"
        if self.exit_status == EXIT_PERMANENT:
            raise _PERMANENT.get(self.error_kind, ConfigurationError)(message)
        raise StepFailedError(message)

    def _why(self) -> str:
        if self.reason:
            return self.reason
        if self.exit_status < 0:
            return f"killed by {_signal_name(-self.exit_status)}"
        if said := self.error_message.strip():
            return said.splitlines()[0]
        if self.exit_status == 0:
            return "exit status 0 but no result line"
        return f"exit status {self.exit_status} and no error message; see its log"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
