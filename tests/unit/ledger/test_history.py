"""The history of measurements: appended only where something changed, and never overwritten."""

import threading
import time

import pytest

from retrainer.errors import LedgerUnavailableError
from retrainer.ledger import History
from tests.unit.ledger.entries import MODEL, day, measurement

MONTH = (day(1).start, day(31).end)


def test_a_measurement_reads_back_as_it_was_recorded(history):
    measured = measurement(
        value=1 / 3, low=0.1, high=0.5, expected=0.2, p_value=1e-12, flagged=True, note="of 800 rows"
    )
    assert history.record(MODEL, [measured], "monitor 1") == 1
    (recorded,) = history.latest(MODEL, *MONTH)
    assert recorded.model_dump(exclude={"revision", "run_id", "measured_at"}) == measured.model_dump()
    assert (recorded.revision, recorded.run_id) == (1, "monitor 1")


def test_what_is_not_known_stays_unknown(history):
    history.record(MODEL, [measurement(value=None, version=None, note="no label yet")], "monitor 1")
    (recorded,) = history.latest(MODEL, *MONTH)
    assert (recorded.value, recorded.version, recorded.note) == (None, None, "no label yet")


@pytest.mark.parametrize("version", [4, None], ids=["a version", "the rule"])
def test_the_same_again_writes_nothing(history, version):
    measured = [measurement(version=version), measurement(version=version, measure="missing")]
    assert history.record(MODEL, measured, "monitor 1") == 2
    assert history.record(MODEL, measured, "monitor 2") == 0
    assert {recorded.run_id for recorded in history.latest(MODEL, *MONTH)} == {"monitor 1"}


@pytest.mark.parametrize(
    "changed",
    [{"value": 0.3}, {"value": None}, {"low": 0.1}, {"high": 0.3}, {"note": "corrected"}, {"flagged": True}],
    ids=lambda changed: next(iter(changed)),
)
def test_a_value_that_changed_is_the_next_revision_and_the_old_one_stays(history, changed):
    first, second = measurement(), measurement(**changed)
    history.record(MODEL, [first], "monitor 1")
    assert history.record(MODEL, [second], "monitor 2") == 1
    assert [(each.revision, each.run_id) for each in history.revisions(MODEL, first)] == [
        (1, "monitor 1"),
        (2, "monitor 2"),
    ]
    (newest,) = history.latest(MODEL, *MONTH)
    assert (newest.revision, newest.value) == (2, second.value)


def test_a_value_that_changed_back_is_a_revision_too(history):
    for run, value in enumerate((0.1, 0.2, 0.1)):
        history.record(MODEL, [measurement(value=value)], f"monitor {run}")
    assert [each.value for each in history.revisions(MODEL, measurement())] == [0.1, 0.2, 0.1]


def test_of_two_values_of_the_same_thing_in_one_run_the_last_counts(history):
    assert history.record(MODEL, [measurement(value=0.1), measurement(value=0.2)], "monitor 1") == 1
    assert [each.value for each in history.revisions(MODEL, measurement())] == [0.2]


def test_the_latest_can_be_asked_for_by_time_by_version_and_by_what_they_are_about(history):
    every = [
        measurement(1),
        measurement(2, version=5),
        measurement(3, about="performance", subject="roc_auc", measure="roc_auc"),
    ]
    history.record(MODEL, every, "monitor 1")
    history.record("another", [measurement(2)], "monitor 1")

    def days(*span, **only) -> list[int]:
        return [each.interval.start.day for each in history.latest(MODEL, *(span or MONTH), **only)]

    assert days() == [1, 2, 3]
    assert days(day(2).start, day(3).start) == [2]
    assert days(version=4) == [1, 3]
    assert days(version=5) == [2]
    assert days(about="feature") == [1, 2]
    assert days(about="performance", version=5) == []


def test_models_and_the_newest_interval_are_told(history):
    assert history.models() == []
    assert history.newest(MODEL) is None
    history.record(MODEL, [measurement(3), measurement(2)], "monitor 1")
    history.record("another", [measurement(9)], "monitor 1")
    assert history.models() == ["another", MODEL]
    assert history.newest(MODEL) == day(3)


def test_nothing_to_record_is_nothing(history):
    assert history.record(MODEL, [], "monitor 1") == 0


def test_thousands_of_rows_are_recorded_in_well_under_a_second(history):
    measured = [measurement(number, subject=f"column_{column}") for number in range(1, 31) for column in range(150)]
    started = time.perf_counter()
    assert history.record(MODEL, measured, "monitor 1") == 4500
    assert history.record(MODEL, measured, "monitor 2") == 0
    assert time.perf_counter() - started < 4  # both; a quarter of that on a quiet machine


def test_runs_that_record_the_same_at_once_write_it_once(history):
    measured = [measurement(number) for number in range(1, 20)]
    written, barrier = [], threading.Barrier(8)

    def work() -> None:
        barrier.wait()
        written.append(history.record(MODEL, measured, "monitor"))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(written) == [0] * 7 + [19]
    assert len(history.latest(MODEL, *MONTH)) == 19


def test_a_database_that_went_away_is_told_as_such(tmp_path):
    file = tmp_path / "ledger.sqlite"
    history = History.open(f"sqlite:///{file}")
    history._engine.dispose()
    for each in tmp_path.glob("ledger.sqlite*"):
        each.unlink()
    with pytest.raises(LedgerUnavailableError, match="no such table"):
        history.record(MODEL, [measurement()], "monitor 1")
