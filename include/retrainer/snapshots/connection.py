"""A DuckDB connection for the rows of snapshots: in UTC, bounded in memory, spilling to disk beyond that."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

MEMORY_MB = 1024

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")


@contextmanager
def connect(*, memory_mb: int = MEMORY_MB) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty in-memory database; what does not fit into `memory_mb` goes to a folder that ends with it."""
    with tempfile.TemporaryDirectory(prefix="retrainer-") as scratch:
        connection = duckdb.connect(":memory:", config={"memory_limit": f"{memory_mb}MB", "temp_directory": scratch})
        try:
            connection.execute("SET TimeZone = 'UTC'")
            yield connection
        finally:
            connection.close()


def identifier(name: str) -> str:
    """`name` as a DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as a DuckDB string."""
    return "'" + text.replace("'", "''") + "'"


def is_of_type(column: str, kind: str) -> str:
    """A condition in SQL: the text in the quoted `column` is a value of the SQL type `kind`, or null.

    A cast alone would round 1.5 to the integer 2.
    """
    fits = f"TRY_CAST({column} AS {kind}) IS NOT NULL"
    if kind in _INTEGERS:
        fits += f" AND TRY_CAST({column} AS DOUBLE) = floor(TRY_CAST({column} AS DOUBLE))"
    return f"({column} IS NULL OR ({fits}))"
