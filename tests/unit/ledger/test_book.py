"""The ledger: one sequence a model, append-only, and exactly one winner of a race."""

import threading
from datetime import UTC, datetime

import pytest

from retrainer.contracts import NewEntry
from retrainer.errors import ConfigurationError, LedgerConflictError, LedgerUnavailableError
from retrainer.ledger import Ledger


def new_entry(identity: str, *, action: str = "promote", version: int = 1, champion: int | None = 1) -> NewEntry:
    return NewEntry(
        model="flight_delay",
        action=action,
        version=version,
        previous_version=None,
        champion_version=champion,
        as_of=datetime(2013, 7, 8, 4, tzinfo=UTC),
        identity=identity,
        actor="airflow run manual",
        reason="better than the baseline rule",
        evidence={"decision": {"promote": True}},
    )


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")


def test_an_entry_reads_back_as_it_was_written(ledger):
    written = ledger.append(new_entry("a"), after=0)
    assert written.sequence == 1
    assert ledger.entries("flight_delay") == [written]
    assert ledger.find("flight_delay", "a") == written
    assert written.as_of == datetime(2013, 7, 8, 4, tzinfo=UTC)


def test_an_unknown_model_has_no_entries_and_no_champion(ledger):
    assert ledger.entries("nobody") == []
    assert ledger.last("nobody") is None
    assert ledger.champion("nobody") is None


def test_a_rejection_takes_a_place_and_leaves_the_champion(ledger):
    first = ledger.append(new_entry("a"), after=0)
    ledger.append(new_entry("b", action="reject", version=2), after=1)
    assert ledger.champion("flight_delay") == first
    assert ledger.last("flight_delay").version == 2


def test_a_place_that_is_taken_is_refused_and_nothing_is_written(ledger):
    ledger.append(new_entry("a"), after=0)
    with pytest.raises(LedgerConflictError, match="another release of flight_delay took place 1"):
        ledger.append(new_entry("b"), after=0)
    assert len(ledger.entries("flight_delay")) == 1


def test_the_same_request_cannot_be_written_twice(ledger):
    ledger.append(new_entry("a"), after=0)
    with pytest.raises(LedgerConflictError):
        ledger.append(new_entry("a"), after=1)


def test_of_forty_promotions_at_once_exactly_one_gets_the_next_place(ledger):
    barrier = threading.Barrier(40)
    outcomes: list[str] = []

    def promote(name: str) -> None:
        barrier.wait()
        try:
            ledger.append(new_entry(name), after=0)
            outcomes.append("written")
        except LedgerConflictError:
            outcomes.append("told")

    threads = [threading.Thread(target=promote, args=(f"run {number}",)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["told"] * 39 + ["written"]
    assert [entry.sequence for entry in ledger.entries("flight_delay")] == [1]


def test_a_url_that_is_none_is_refused():
    with pytest.raises(ConfigurationError, match="ledger_url is not a usable SQLAlchemy URL"):
        Ledger.open("not a url")


def test_a_database_that_cannot_be_opened_is_named(tmp_path):
    (tmp_path / "ledger.sqlite").mkdir()
    with pytest.raises(LedgerUnavailableError, match="failed: unable to open"):
        Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
