"""The rows that are validated: a view in DuckDB, never a DataFrame as a whole."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

import duckdb

from retrainer.contracts import Interval

FLOAT_TYPES = frozenset({"FLOAT", "DOUBLE"})
"""DuckDB's floating-point types: only these hold NaN and infinities."""


@dataclass(frozen=True)
class PastCount:
    """How many rows an earlier interval had. `start` (aware) is the start of that interval."""

    start: datetime
    rows: int


@dataclass(frozen=True)
class Batch:
    """The rows of one table to validate together.

    `name` is `interval`, `window` or the key of one partition. `view` names a view or table of `connection`, which is
    open, has no transaction running and stays open; its session's time zone is set to UTC and its progress bar is
    switched off. `columns` are the names and SQL types as the source has them, which is what the schema is checked
    against. `interval` is needed for freshness and row counts; `past` are the row counts of the weeks before, in any
    order; `zone` says which weekday it was.
    """

    table: str
    name: str
    connection: duckdb.DuckDBPyConnection
    view: str
    columns: Mapping[str, str]
    interval: Interval | None = None
    past: tuple[PastCount, ...] = ()
    zone: tzinfo = UTC


def quoted(name: str) -> str:
    """`name` as a DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def view_types(batch: Batch) -> dict[str, str]:
    """Columns of the batch's view, in order, with their DuckDB types."""
    rows = batch.connection.execute(f"DESCRIBE {quoted(batch.view)}").fetchall()
    return {name: sql_type for name, sql_type, *_ in rows}


def aggregate(batch: Batch, expressions: Sequence[str], *, source: str | None = None) -> tuple[object, ...]:
    """The values of aggregate `expressions` over the batch, or over `source` (SQL), in one scan.

    Fetched to the end: DuckDB runs nothing else on a connection with an unfinished result.
    """
    query = f"SELECT {', '.join(expressions)} FROM {source or quoted(batch.view)}"
    return tuple(batch.connection.execute(query).fetchall()[0])


@contextmanager
def nan_as_null(batch: Batch, types: Mapping[str, str]) -> Iterator[str]:
    """The name of a temporary view over the batch in which NaN is NULL, as it is for pandas.

    GX on pandas counts a NaN as a missing value; to SQL it is a value greater than all others.
    """
    name = f"validated_{uuid.uuid4().hex}"
    columns = ", ".join(f"{without_nan(column, sql_type)} AS {quoted(column)}" for column, sql_type in types.items())
    batch.connection.execute(f"CREATE TEMP VIEW {quoted(name)} AS SELECT {columns} FROM {quoted(batch.view)}")
    try:
        yield name
    finally:
        batch.connection.execute(f"DROP VIEW IF EXISTS {quoted(name)}")


def without_nan(column: str, sql_type: str) -> str:
    """The column as a SQL expression in which NaN is NULL.

    Not `isnan(x)` and not `nullif(x, 'NaN')`: Parquet's statistics leave NaN out, so DuckDB 2.0 takes both for always
    false on a file that has statistics, and the NaN stays.
    """
    name = quoted(column)
    return f"CASE WHEN isfinite({name}) OR isinf({name}) THEN {name} END" if sql_type in FLOAT_TYPES else name
