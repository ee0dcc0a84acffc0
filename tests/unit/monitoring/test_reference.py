"""A reference is the sum of its intervals, in bounded memory, and is kept as bytes that show when they are damaged."""

import numpy as np
import pytest

from retrainer.errors import BadDataError, ConfigurationError
from retrainer.monitoring.reference import Batch, build_reference
from retrainer.monitoring.stored import MAGIC, from_bytes, to_bytes
from retrainer.monitoring.watched import WatchedColumn
from tests.unit.monitoring.drifting import WATCHED, day_of, interval, measure, reference_of


@pytest.fixture(scope="module")
def reference():
    return reference_of()


def test_leaving_an_interval_out_is_arithmetic(reference):
    tally = reference.tallies["amount"]
    rest = tally.total() - tally[7]
    others = {day: day_of(day) for day in range(40) if day != 7}
    layouts = reference.layouts
    counted = sum(
        (layouts["amount"].tally("amount", each["amount"]) for each in others.values()),
        start=layouts["amount"].tally("amount", np.empty(0)),
    )
    assert np.array_equal(rest.counts, counted.counts)
    assert np.allclose(rest.sums, counted.sums)


def test_batches_may_come_in_any_order_and_any_size():
    days = {day: day_of(day, rows=100) for day in range(3)}
    whole = [Batch(interval(day).key, columns) for day, columns in days.items()]
    halves = [
        Batch(each.key, {name: values[part] for name, values in each.columns.items()})
        for part in (slice(0, 60), slice(60, None))
        for each in reversed(whole)
    ]
    one, other = (build_reference(WATCHED, lambda given=given: given, seed=1) for given in (whole, halves))
    assert one.keys == other.keys == tuple(interval(day).key for day in range(3))
    for name in ("amount", "region"):
        assert np.array_equal(one.tallies[name].rows, other.tallies[name].rows)
        assert np.array_equal(one.tallies[name].total().values, other.tallies[name].total().values)


def test_a_column_that_some_intervals_do_not_have_has_no_rows_there():
    days = {day: day_of(day, rows=50) for day in range(4)}
    del days[2]["prediction"]
    built = build_reference(WATCHED, lambda: [Batch(interval(d).key, c) for d, c in days.items()], seed=1)
    assert built.tallies["prediction"].rows.tolist() == [50, 50, 0, 50]


def test_intervals_of_earlier_seasons_are_no_part_of_what_is_compared_with():
    batches = [Batch(interval(day).key, day_of(day, rows=50), earlier=day < 2) for day in range(4)]
    built = build_reference(WATCHED, lambda: batches, seed=1)
    assert built.earlier.tolist() == [True, True, False, False]
    assert int(built.total("amount").rows) == 100


def test_an_interval_is_not_of_both_seasons():
    batches = [Batch(interval(0).key, day_of(0), earlier=earlier) for earlier in (True, False)]
    with pytest.raises(ConfigurationError, match="both of an earlier season and of the reference"):
        build_reference(WATCHED, lambda: batches, seed=1)


def test_a_reference_without_rows_is_one():
    built = build_reference(WATCHED, list, seed=1)
    assert from_bytes(to_bytes(built)).keys == ()
    assert {each.note for each in measure(reference_of({}), day_of(5)).values() if each.measure != "psi"} == {
        "the reference has 0 intervals with 100 rows or more, 14 are needed"
    }


def test_bytes_give_the_same_reference_and_the_same_measurements(reference):
    stored = to_bytes(reference)
    again = from_bytes(stored)
    assert to_bytes(again) == stored == to_bytes(reference_of())
    assert measure(again, day_of(100)) == measure(reference, day_of(100))


@pytest.mark.parametrize(
    "damage",
    [
        lambda stored: stored[:-1],
        lambda stored: stored[:200] + bytes([stored[200] ^ 1]) + stored[201:],
        lambda stored: stored[: len(MAGIC) + 3],
        lambda _: b"",
        lambda stored: stored.replace(b"reference-1", b"reference-9"),
    ],
    ids=["cut short", "one bit", "nearly nothing", "empty", "another version"],
)
def test_damaged_bytes_are_refused(reference, damage):
    with pytest.raises(BadDataError, match="drift reference"):
        from_bytes(damage(to_bytes(reference)))


def test_texts_in_a_column_of_numbers_are_bad_data():
    watched = (WatchedColumn("region", "number", "feature"),)
    with pytest.raises(BadDataError, match="column 'region' must hold numbers"):
        build_reference(watched, lambda: [Batch(interval(0).key, day_of(0))], seed=1)
