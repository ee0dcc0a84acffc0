"""Which error an outcome is."""

import pytest

from retrainer.errors import BadDataError, ConfigurationError, StepFailedError, UnsafeArtifactError
from retrainer.runtimes.outcome import StepOutcome


def test_a_step_that_is_done_gives_its_result():
    assert StepOutcome(0, result={"rows": 3}).require_result("snapshot") == {"rows": 3}


@pytest.mark.parametrize(
    ("outcome", "error", "message"),
    [
        (StepOutcome(78, error_kind="BadDataError", error_message="a\nb"), BadDataError, "train: a"),
        (StepOutcome(78, error_kind="UnsafeArtifactError", error_message="a"), UnsafeArtifactError, "train: a"),
        (StepOutcome(78, error_kind="SomethingElse", error_message="a"), ConfigurationError, "train: a"),
        (
            StepOutcome(78),
            ConfigurationError,
            "train: exit status 78 and no error message; see its log",
        ),
        (StepOutcome(1, error_kind="SourceUnavailableError", error_message="a\nb"), StepFailedError, "train: a"),
        (StepOutcome(1, result={}), StepFailedError, "train: exit status 1 and no error message; see its log"),
        (StepOutcome(0), StepFailedError, "train: exit status 0 but no result line"),
        (StepOutcome(-11), StepFailedError, "train: killed by SIGSEGV"),
        (
            StepOutcome(-9, reason="memory limit 1 MB exceeded (2 MB)"),
            StepFailedError,
            "train: memory limit 1 MB exceeded (2 MB)",
        ),
        (StepOutcome(1, reason="the step host went away"), StepFailedError, "train: the step host went away"),
    ],
    ids=[
        "bad data",
        "unsafe",
        "78 of another kind",
        "78 silent",
        "retryable",
        "1 with a result",
        "no result",
        "signal",
        "limit",
        "host",
    ],
)
def test_the_error_and_its_first_line_follow_from_the_outcome(outcome, error, message):
    with pytest.raises(error) as raised:
        outcome.require_result("train")
    assert type(raised.value) is error
    assert str(raised.value) == message
