"""The ledger: one sequence a model, append-only, and exactly one winner of a race."""

import threading
from datetime import UTC, datetime
from typing import get_args

import pytest

from retrainer.contracts import Action
from retrainer.errors import LedgerConflictError
from tests.unit.ledger.entries import MODEL, new_entry


def test_an_entry_reads_back_as_it_was_written(ledger):
    written = ledger.append(new_entry("a"), after=0)
    assert written.sequence == 1
    assert ledger.entries(MODEL) == [written]
    assert ledger.find(MODEL, "a") == written
    assert written.as_of == datetime(2013, 7, 8, 4, tzinfo=UTC)


def test_an_unknown_model_has_no_entries(ledger):
    assert ledger.entries("nobody") == []
    assert ledger.find("nobody", "a") is None
    assert ledger.models() == []
    assert ledger.sequences() == {}


def test_every_action_has_its_place(ledger):
    actions = get_args(Action)
    for place, action in enumerate(actions):
        ledger.append(new_entry(action, action=action), after=place)
    assert [(entry.sequence, entry.action) for entry in ledger.entries(MODEL)] == list(enumerate(actions, start=1))


def test_models_have_sequences_of_their_own(ledger):
    ledger.append(new_entry("a", model="zebra"), after=0)
    ledger.append(new_entry("a", model="apple"), after=0)
    ledger.append(new_entry("b", model="zebra"), after=1)
    assert ledger.models() == ["apple", "zebra"]
    assert [entry.sequence for entry in ledger.entries("zebra")] == [1, 2]
    assert ledger.sequences() == {"apple": 1, "zebra": 2}


def test_a_place_that_is_taken_is_refused_and_nothing_is_written(ledger):
    ledger.append(new_entry("a"), after=0)
    with pytest.raises(LedgerConflictError, match="another release of flight_delay took place 1"):
        ledger.append(new_entry("b"), after=0)
    assert len(ledger.entries(MODEL)) == 1


def test_the_same_request_cannot_be_written_twice(ledger):
    ledger.append(new_entry("a"), after=0)
    with pytest.raises(LedgerConflictError):
        ledger.append(new_entry("a"), after=1)


def test_a_plan_is_asked_again_with_the_entry_that_came_first(ledger):
    seen = []

    def plan(entries):
        seen.append(len(entries))
        if len(seen) == 1:
            ledger.append(new_entry("first"), after=0)
        return new_entry("mine", version=2)

    assert ledger.write(MODEL, "mine", plan).sequence == 2
    assert seen == [0, 1]


def test_what_was_written_before_is_returned_and_not_planned_again(ledger):
    written = ledger.append(new_entry("mine"), after=0)
    assert ledger.write(MODEL, "mine", lambda entries: pytest.fail("planned again")) == written


def test_only_one_at_a_time_is_alone_with_a_model(ledger):
    inside, overlaps = [], []

    def enter() -> None:
        for _ in range(5):
            with ledger.exclusive(MODEL):
                inside.append(1)
                overlaps.append(len(inside))
                ledger.models()  # asks the same database meanwhile
                inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert overlaps == [1] * 100


def test_a_lock_is_free_again_after_an_error(ledger):
    with pytest.raises(ValueError, match="in it"), ledger.exclusive(MODEL):
        raise ValueError("in it")
    with ledger.exclusive(MODEL):
        pass
