"""Only what changed is written, in one commit, with the declared columns and types."""

import importlib
from datetime import UTC, datetime

import pytest
from deltalake import DeltaTable

from retrainer.errors import StoreConflictError
from retrainer.snapshots import Rows, connect, pin, publish, published_counts
from tests.factories import day, make_config
from tests.unit.snapshots.tables import ALL, KEYS, read

CONFIG = make_config()


@pytest.fixture
def connection():
    with connect() as opened:
        yield opened


def rates(connection, *values):
    """A view of one rate for each (day, rate), with a column more than declared and a whole number as rate."""
    rows = ", ".join(f"('{KEYS[number]}', TIMESTAMPTZ '{KEYS[number]}', 'north', {rate}, 1)" for number, rate in values)
    connection.execute(
        f'CREATE OR REPLACE VIEW given AS SELECT * FROM (VALUES {rows}) AS t(_interval, "at", region, rate, x)'
    )
    return Rows(connection, "rates", "given", KEYS)


def test_declared_columns_get_their_declared_types_and_others_are_left_out(connection, tmp_path):
    uri = str(tmp_path / "t")
    assert publish(rates(connection, (0, 1)), uri, CONFIG) == 5
    assert read(pin(uri, "rates", ALL)) == [("north", datetime(2026, 1, 1, tzinfo=UTC), 1.0, KEYS[0])]


def test_only_changed_partitions_are_written_and_all_of_them_in_one_commit(connection, tmp_path):
    uri = str(tmp_path / "t")
    publish(rates(connection, (0, 1), (1, 1), (2, 1)), uri, CONFIG)
    first = DeltaTable(uri)
    assert publish(rates(connection, (0, 1), (1, 7), (3, 1)), uri, CONFIG) == 3  # changed, gone, new
    second = DeltaTable(uri)
    assert second.version() == first.version() + 1
    assert published_counts(uri, CONFIG, "rates") == {KEYS[0]: 1, KEYS[1]: 1, KEYS[3]: 1}
    assert len(set(first.file_uris()) & set(second.file_uris())) == 1


def test_publishing_the_same_rows_again_makes_no_new_version(connection, tmp_path):
    uri = str(tmp_path / "t")
    publish(rates(connection, (0, 1), (1, 1)), uri, CONFIG)
    before = pin(uri, "rates", ALL)
    assert publish(rates(connection, (1, 1), (0, 1)), uri, CONFIG) == 0
    assert pin(uri, "rates", ALL) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"schedule": {"timezone": "Europe/Berlin"}},
        {"schedule": {"cron": "0 * * * *"}},
        {"source": {"tables": {"rates": {"columns": {"extra": "float"}}}}},
    ],
    ids=["time zone", "cron", "column"],
)
def test_partitions_of_another_schedule_or_other_columns_do_not_count_as_published(connection, tmp_path, changes):
    uri = str(tmp_path / "t")
    publish(rates(connection, (0, 1), (1, 1)), uri, CONFIG)
    other = make_config(**changes)
    assert published_counts(uri, other, "rates") == {}
    connection.execute("CREATE VIEW wider AS SELECT *, 0.5 AS extra FROM given")
    publish(Rows(connection, "rates", "wider", KEYS[:1]), uri, other)
    assert published_counts(uri, other, "rates") == {KEYS[0]: 1}


def test_a_conflict_is_tried_again_a_few_times(connection, tmp_path, monkeypatch):
    module = importlib.import_module("retrainer.snapshots.changed")
    uri = str(tmp_path / "t")
    original, calls = module.commit_files, []

    def conflicting(*args, **kwargs):
        calls.append(args)
        if len(calls) < 3:
            raise StoreConflictError("another writer was first")
        return original(*args, **kwargs)

    monkeypatch.setattr(module, "commit_files", conflicting)
    publish(rates(connection, (0, 1)), uri, CONFIG)
    assert len(calls) == 3
    assert published_counts(uri, CONFIG, "rates") == {KEYS[0]: 1}


def test_rows_lie_in_the_file_in_the_order_of_event_time_and_key(connection, tmp_path):
    moments = ", ".join(
        f"('{KEYS[0]}', TIMESTAMPTZ '{KEYS[0]}' + INTERVAL {(number * 7) % 24} HOUR, 'r{number}', 1.0)"
        for number in range(24)
    )
    connection.execute(f'CREATE VIEW given AS SELECT * FROM (VALUES {moments}) AS t(_interval, "at", region, rate)')
    uri = str(tmp_path / "t")
    publish(Rows(connection, "rates", "given", KEYS[:1]), uri, CONFIG)
    (file,) = DeltaTable(uri).file_uris()
    stored = [row[0] for row in connection.execute(f"SELECT \"at\" FROM '{file}'").fetchall()]
    assert stored == sorted(stored)
    assert len(stored) == 24
    assert day(0).contains(stored[0])
