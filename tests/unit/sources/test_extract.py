"""Extraction keeps what the database says, and a value that does not fit shows instead of stopping it."""

import tracemalloc
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
import sqlalchemy as sa

from retrainer.errors import BadDataError
from retrainer.sources import open_engine
from retrainer.sources.arrow import MOMENT, arrow_type, to_array
from retrainer.sources.extract import Unconvertible, open_source
from tests.factories import change_source, day, make_config, make_settings, small_source


def opened(home, path):
    declared = make_config().source
    engine = open_engine(declared, connection_url=make_settings(home, path).connection_url, root=home)
    return open_source(engine, declared)


def read(home, path, number=7, **options):
    with opened(home, path) as source:
        extract = source.table("orders")
        return pa.Table.from_batches(extract.read(day(number), **options), extract.schema)


def test_the_rows_of_one_day_come_with_the_types_of_the_database(tmp_path):
    rows = read(tmp_path, small_source(tmp_path / "s.sqlite"))
    assert rows.num_rows == 12
    assert {field.name: field.type for field in rows.schema} == {
        "order_id": pa.int64(),
        "ordered_at": MOMENT,
        "region": pa.string(),
        "amount": pa.float64(),
        "express": pa.bool_(),
        "days_to_pay": pa.float64(),
        "paid_at": MOMENT,
        "note": pa.string(),
    }
    assert rows.slice(0, 1).to_pylist() == [
        {
            "order_id": 84,
            "ordered_at": datetime(2026, 1, 8, tzinfo=UTC),
            "region": "north",
            "amount": 94.0,
            "express": True,
            "days_to_pay": 4.0,
            "paid_at": datetime(2026, 1, 12, tzinfo=UTC),
            "note": "-",
        }
    ]


def test_chunks_do_not_change_the_rows(tmp_path):
    path = small_source(tmp_path / "s.sqlite")
    assert read(tmp_path, path, chunk_rows=5).equals(read(tmp_path, path))


@pytest.mark.parametrize(
    ("column", "value"),
    [("amount", "'a lot'"), ("order_id", "'84a'"), ("paid_at", "'yesterday'"), ("express", "2"), ("order_id", "1.5")],
)
def test_a_value_that_does_not_fit_names_its_column_and_can_be_read_as_text(tmp_path, column, value):
    path = small_source(tmp_path / "s.sqlite")
    change_source(path, f"UPDATE orders SET {column} = {value} WHERE order_id = 85")
    with opened(tmp_path, path) as source:
        extract = source.table("orders")
        with pytest.raises(Unconvertible) as caught:
            list(extract.read(day(7)))
        assert caught.value.columns == (column,)
        rows = pa.Table.from_batches(extract.as_text([column]).read(day(7)))
    assert value.strip("'") in rows[column].to_pylist()


def test_a_missing_event_time_gives_no_rows_and_the_columns_that_are_there(tmp_path):
    path = small_source(tmp_path / "s.sqlite")
    change_source(path, "ALTER TABLE orders RENAME COLUMN ordered_at TO created_at")
    rows = read(tmp_path, path)
    assert rows.num_rows == 0
    assert "created_at" in rows.column_names


def test_a_missing_table_is_named_with_the_nearest(tmp_path):
    path = small_source(tmp_path / "s.sqlite")
    change_source(path, "ALTER TABLE orders RENAME TO order_")
    with opened(tmp_path, path) as source, pytest.raises(BadDataError, match=r"'orders' .* did you mean 'order_'"):
        source.table("orders")


def test_memory_does_not_grow_with_the_rows_of_an_interval(tmp_path):
    path = small_source(tmp_path / "s.sqlite")
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)"
    change_source(
        path, f"INSERT INTO orders {numbers} SELECT 1000 + i, '2026-01-08 01:00:00', 'north', i, 0, 1, NULL, '-' FROM n"
    )
    with opened(tmp_path, path) as source:
        extract = source.table("orders")
        tracemalloc.start()
        rows = sum(batch.num_rows for batch in extract.read(day(7), chunk_rows=2000))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert rows == 200_012
    assert peak < 10 * 2**20  # all rows at once take over 100 MB


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([Decimal("1.50"), None], pa.float64(), [1.5, None]),
        ([Decimal(3), None], pa.int64(), [3, None]),
        (
            [datetime(2026, 1, 1, 5, tzinfo=UTC).replace(tzinfo=None), None],
            MOMENT,
            [datetime(2026, 1, 1, 5, tzinfo=UTC), None],
        ),
        (["2026-01-01T05:00:00Z"], MOMENT, [datetime(2026, 1, 1, 5, tzinfo=UTC)]),
        (["2026-01-01 05:00:00+02:00"], MOMENT, [datetime(2026, 1, 1, 3, tzinfo=UTC)]),
        ([b"\x01\xff", 5, date(2026, 1, 1), None], pa.string(), ["01ff", "5", "2026-01-01", None]),
        ([float("inf"), 3], pa.float64(), [float("inf"), 3.0]),
    ],
    ids=["decimal", "whole decimal", "naive", "zulu", "offset", "anything as text", "infinity"],
)
def test_driver_values_become_arrow_values(values, kind, expected):
    assert to_array(values, kind).to_pylist() == expected


@pytest.mark.parametrize(
    ("sql_type", "declared", "is_sqlite", "expected"),
    [
        (sa.Text(), "timestamp", True, MOMENT),
        (sa.Text(), "timestamp", False, pa.string()),
        (sa.Integer(), "boolean", True, pa.bool_()),
        (sa.Integer(), "boolean", False, pa.int64()),
        (sa.types.NullType(), "float", True, pa.float64()),
        (sa.Text(), "integer", True, pa.string()),
        (sa.Numeric(10, 2), "float", False, pa.float64()),
        (sa.Uuid(), "string", False, pa.string()),
        (sa.Integer(), None, True, pa.int64()),
    ],
)
def test_declared_types_steer_only_where_sqlite_has_none(sql_type, declared, is_sqlite, expected):
    assert arrow_type(sql_type, declared, is_sqlite=is_sqlite) == expected
