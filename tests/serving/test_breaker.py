"""The circuit breaker, against a clock that the test moves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrainer.config.serving import Breaker as Settings
from retrainer.serving.breaker import Breaker

SETTINGS = Settings(window_seconds=10, max_failure_share=0.5, min_requests=4, timeout_ms=100, open_seconds=5)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(SETTINGS, clock)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        assert breaker.allows()
        breaker.failed()


def test_it_opens_when_more_than_the_share_failed_and_enough_requests_were_seen(breaker):
    fail(breaker, 3)
    assert breaker.state == "closed"

    fail(breaker, 1)

    assert breaker.state == "open"
    assert not breaker.allows()


def test_exactly_the_share_is_allowed(breaker):
    for _ in range(4):
        breaker.succeeded(0.001)
    fail(breaker, 4)

    assert breaker.state == "closed"


def test_a_slow_answer_is_a_failure(breaker):
    for _ in range(4):
        breaker.succeeded(0.101)

    assert breaker.state == "open"


def test_what_is_older_than_the_window_does_not_count(breaker, clock):
    fail(breaker, 3)
    clock.now += 10.1
    fail(breaker, 1)

    assert breaker.state == "closed"


def test_one_probe_is_let_through_and_closes_it_when_answered(breaker, clock):
    fail(breaker, 4)
    clock.now += 5

    assert breaker.state == "half_open"
    assert [breaker.allows(), breaker.allows()] == [True, False]
    breaker.succeeded(0.001)

    assert breaker.state == "closed"
    assert breaker.allows()


def test_a_probe_that_fails_opens_it_again(breaker, clock):
    fail(breaker, 4)
    clock.now += 5
    assert breaker.allows()

    breaker.failed()

    assert breaker.state == "open"
    assert not breaker.allows()
    clock.now += 5
    assert breaker.allows()


def test_a_probe_that_is_never_answered_does_not_keep_it_open_for_ever(breaker, clock):
    fail(breaker, 4)
    clock.now += 5
    assert breaker.allows()

    clock.now += 5

    assert breaker.allows()


def test_old_failures_do_not_count_once_it_has_closed(breaker, clock):
    fail(breaker, 4)
    clock.now += 5
    breaker.allows()
    breaker.succeeded(0.001)

    fail(breaker, 3)

    assert breaker.state == "closed"


def test_an_answer_from_before_it_opened_changes_nothing(breaker):
    fail(breaker, 4)

    breaker.succeeded(0.001)
    breaker.failed()

    assert breaker.state == "open"


@given(st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=200))
def test_it_is_open_only_after_a_window_with_too_many_failures(story):
    clock = Clock()
    breaker = Breaker(SETTINGS, clock)
    recent: list[tuple[float, bool]] = []
    for wait, fails in story:
        clock.now += wait
        if not breaker.allows():
            continue
        was_closed = breaker.state == "closed"
        if fails:
            breaker.failed()
        else:
            breaker.succeeded(0.001)
        if not was_closed:
            recent = []
            continue
        recent = [(at, bad) for at, bad in [*recent, (clock.now, fails)] if at >= clock.now - 10]
        broken = fails and len(recent) >= 4 and sum(bad for _, bad in recent) > 0.5 * len(recent)
        assert (breaker.state == "open") == broken
        recent = [] if broken else recent
