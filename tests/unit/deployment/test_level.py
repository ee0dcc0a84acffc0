"""When a service level is broken, and when there is too little to say so."""

from datetime import UTC, datetime

import pytest

from retrainer.config.serving import ServiceLevel
from retrainer.contracts import ModelStatus, ServedVersion, Split
from retrainer.deployment import broken_level, in_numbers

LEVEL = ServiceLevel(p95_ms=100, max_error_share=0.01, min_requests=20)


def served(requests: int, errors: int = 0, p95_ms: float | None = 12.34) -> ServedVersion:
    since = datetime(2026, 11, 21, 9, tzinfo=UTC)
    return ServedVersion(version=4, runtime="onnx", since=since, requests=requests, errors=errors, p95_ms=p95_ms)


def problem(version: ServedVersion, breaker: str = "closed") -> str | None:
    status = ModelStatus(model="m", sequence=7, ready=True, champion=version, breaker=breaker)
    return broken_level(LEVEL, version, status)


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (served(19, errors=19, p95_ms=None), None),
        (served(20), None),
        (served(200, errors=2), None),
        (served(200, errors=3), "3 of 200 requests failed (1.5%), at most 1.0% may"),
        (served(20, p95_ms=100), None),
        (served(20, p95_ms=100.1), "p95 of 100.1 ms over 20 requests, at most 100 ms is allowed"),
        (served(20, p95_ms=None), None),
    ],
    ids=["too few", "enough", "as many as may", "too many errors", "as slow as may be", "too slow", "no latency"],
)
def test_errors_and_latency_are_judged_once_enough_requests_came(version: ServedVersion, words: str | None) -> None:
    assert problem(version) == words


def test_an_open_breaker_breaks_it_whatever_the_number_of_requests() -> None:
    assert problem(served(5, errors=3), "open") == (
        "the breaker opened: of 5 requests 3 failed, or too many took too long"
    )


@pytest.mark.parametrize(("requests", "breaker"), [(0, "open"), (5, "half_open")])
def test_a_breaker_that_was_open_before_or_is_being_tried_does_not(requests: int, breaker: str) -> None:
    assert problem(served(requests), breaker) is None


@pytest.mark.parametrize("on_trial", ["split", "shadow", "the rule answers"])
def test_the_champions_breaker_says_nothing_of_a_version_on_trial(on_trial: str) -> None:
    champion = served(300, errors=200).model_copy(update={"version": 3})
    places = {
        "split": {"champion": champion, "split": Split(version=4, percent=1), "split_version": served(3)},
        "shadow": {"champion": champion, "shadow": served(3)},
        "the rule answers": {"split": Split(version=4, percent=1), "split_version": served(3)},
    }
    status = ModelStatus(model="m", sequence=7, ready=True, breaker="open").model_copy(update=places[on_trial])
    assert broken_level(LEVEL, served(3), status) is None


def test_what_was_counted_in_words() -> None:
    assert in_numbers(LEVEL, served(34, errors=1)) == "34 requests, 1 failed, p95 12.3 ms"
    assert in_numbers(LEVEL, served(3)) == "3 requests, fewer than the 20 that are judged"
