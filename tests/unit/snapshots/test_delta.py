"""Whole partitions are replaced in one commit, and a pin is one version's partitions of one window."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from retrainer.contracts import Interval
from retrainer.errors import StoreConflictError
from retrainer.snapshots import connect, delta, open_view, partition_counts, pin, replace_partitions
from tests.factories import day
from tests.unit.snapshots.tables import ALL, KEYS, SCHEMA, batch, fill, read


@pytest.fixture
def uri(tmp_path):
    return str(tmp_path / "a table's folder, ä")


def test_a_pin_counts_the_rows_of_its_window_only(uri):
    fill(uri, range(5))
    ref = pin(uri, "t", Interval(start=day(1).start, end=day(2).end))
    assert (ref.rows, ref.version, ref.table) == (6, 1, "t")
    assert {row[3] for row in read(ref)} == {KEYS[1], KEYS[2]}


def test_a_pinned_version_stays_as_it_was_when_its_partitions_are_replaced(uri):
    fill(uri, range(5), name="old")
    ref = pin(uri, "t", ALL)
    fill(uri, [1], name="new")
    assert {row[1] for row in read(ref)} == {"old"}
    assert {row[1] for row in read(pin(uri, "t", ALL))} == {"old", "new"}


def test_later_commits_to_other_partitions_do_not_change_a_pin(uri):
    fill(uri, [0, 1])
    window = Interval(start=day(0).start, end=day(1).end)
    ref = pin(uri, "t", window)
    for number in (2, 3, 4):
        fill(uri, [number])
    assert pin(uri, "t", window) == ref
    assert pin(uri, "t", ALL).version == 4


def test_the_digest_depends_on_the_rows_and_not_on_how_often_they_were_written(uri, tmp_path):
    fill(uri, range(5))
    other = str(tmp_path / "other")
    for number in (4, 2, 0, 1, 3, 3):
        fill(other, [number])
    assert pin(other, "t", ALL).digest == pin(uri, "t", ALL).digest
    fill(other, [2], name="b")
    assert pin(other, "t", ALL).digest != pin(uri, "t", ALL).digest


def test_a_key_without_rows_ends_up_empty_and_the_others_stay(uri):
    fill(uri, [0, 1, 2])
    replace_partitions(uri, [], schema=SCHEMA, keys=[KEYS[1]])
    assert partition_counts(uri) == {KEYS[0]: 3, KEYS[2]: 3}


def test_a_table_without_rows_has_its_columns(uri):
    replace_partitions(uri, [], schema=SCHEMA, keys=[])
    ref = pin(uri, "t", ALL)
    with connect() as connection:
        open_view(connection, ref, "rows")
        described = connection.execute('DESCRIBE "rows"').fetchall()
    assert [row[:2] for row in described] == [
        ("id", "BIGINT"), ("name", "VARCHAR"), ("size", "DOUBLE"), ("_interval", "VARCHAR"),
    ]  # fmt: skip
    assert ref.rows == 0


def test_other_columns_make_a_new_version_of_these_partitions_only_and_old_pins_stay(uri):
    fill(uri, [0, 1])
    old = pin(uri, "t", ALL)
    wider = SCHEMA.insert(0, pa.field("flag", pa.bool_()))
    rows = pa.RecordBatch.from_pylist([{"flag": True, "id": 1, "name": "x", "size": 0.0, "_interval": KEYS[1]}], wider)
    replace_partitions(uri, [rows], schema=wider, keys=[KEYS[1]])
    assert read(pin(uri, "t", ALL)) == [(True, 1, "x", 0.0, KEYS[1])]
    assert len(read(old)) == 6


def test_rows_outside_the_keys_are_refused(uri):
    fill(uri, [0, 1])
    with pytest.raises(ValueError, match=KEYS[3]):
        replace_partitions(uri, [batch([(1, "x", 0.0, KEYS[3])])], schema=SCHEMA, keys=[KEYS[0]])
    assert partition_counts(uri) == {KEYS[0]: 3, KEYS[1]: 3}


def test_a_batch_that_fails_half_way_leaves_the_table_as_it_was(uri):
    fill(uri, [0])

    def broken():
        yield batch([(1, "new", 0.0, KEYS[0])])
        raise RuntimeError("the source went away")

    with pytest.raises(Exception, match="the source went away"):
        replace_partitions(uri, broken(), schema=SCHEMA, keys=[KEYS[0]])
    assert partition_counts(uri) == {KEYS[0]: 3}
    assert DeltaTable(uri).version() == 1


def test_two_writers_of_different_partitions_of_a_new_table_both_stay_or_one_is_told_to_try_again(uri):
    together = threading.Barrier(2)

    def write(number):
        def batches():
            together.wait(timeout=20)
            yield batch([(1, "x", 0.0, KEYS[number])])

        try:
            replace_partitions(uri, batches(), schema=SCHEMA, keys=[KEYS[number]])
        except StoreConflictError:  # both made the table
            fill(uri, [number], rows=1)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, [0, 1]))
    assert partition_counts(uri) == {KEYS[0]: 1, KEYS[1]: 1}


def test_two_writers_of_different_partitions_of_a_table_do_not_disturb_each_other(uri):
    fill(uri, [2])
    together = threading.Barrier(2)

    def write(number):
        def batches():
            together.wait(timeout=20)
            yield batch([(1, "x", 0.0, KEYS[number])])

        replace_partitions(uri, batches(), schema=SCHEMA, keys=[KEYS[number]])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, [0, 1]))
    assert partition_counts(uri) == {KEYS[0]: 1, KEYS[1]: 1, KEYS[2]: 3}


def test_a_commit_between_opening_and_pinning_a_table_does_not_shift_what_is_pinned(uri, monkeypatch):
    fill(uri, [0], name="first")
    fill(uri, [0], name="second")
    opened = DeltaTable(uri)
    fill(uri, [1], name="meanwhile")
    monkeypatch.setattr(delta, "open_table", lambda uri: opened)

    ref = pin(uri, "t", Interval(start=day(0).start, end=day(0).end))

    assert ref.version == 2
    assert {row[1] for row in read(ref)} == {"second"}


@pytest.mark.parametrize("anew", [False, True])
@pytest.mark.parametrize("there", [[], [0]])
def test_of_two_writers_of_one_partition_one_is_told_of_the_conflict(uri, anew, there):
    fill(uri, there)
    together = threading.Barrier(2)

    def write(name):
        def batches():
            together.wait(timeout=20)
            yield batch([(1, name, 0.0, KEYS[0])])

        try:
            replace_partitions(uri, batches(), schema=SCHEMA, keys=[KEYS[0]], anew=anew)
        except StoreConflictError:
            return "conflict"
        return name

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(write, ["one", "two"]))
    assert "conflict" in results
    (winner,) = set(results) - {"conflict"}
    assert [row[1] for row in read(pin(uri, "t", ALL))] == [winner]


def test_a_large_window_is_digested_in_groups_with_the_same_result(uri, monkeypatch):
    fill(uri, range(5))
    whole = pin(uri, "t", ALL).digest
    monkeypatch.setattr(delta.grouped, "__defaults__", (4,))
    assert pin(uri, "t", ALL).digest == whole


def test_what_is_not_there_is_named(uri):
    assert partition_counts(uri) == {}
    with pytest.raises(StoreConflictError, match="there is no Delta table"):
        pin(uri, "t", ALL)
    fill(uri, [0])
    ref = pin(uri, "t", ALL).model_copy(update={"version": 9})
    with pytest.raises(StoreConflictError, match="version 9 of"), connect() as connection:
        open_view(connection, ref, "rows")
