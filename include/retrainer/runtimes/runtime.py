"""What every runtime of a step has."""

from typing import Protocol

from retrainer.contracts import StepRequest
from retrainer.runtimes.outcome import StepOutcome
from retrainer.runtimes.output import Log


class StepRuntime(Protocol):
    """Runs one step, once."""

    def run(self, request: StepRequest, log: Log) -> StepOutcome:
        """Run the step to its end. Its output goes to the task's log as it comes."""

    def cancel(self) -> None:
        """End the step and all that belongs to it. May be called before `run`, and from a signal handler."""
