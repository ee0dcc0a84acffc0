"""A small flights view in DuckDB, and a batch over it with anything changed."""

import dataclasses
from collections.abc import Callable, Iterator

import duckdb
import pytest

from retrainer.validation import Batch

MakeBatch = Callable[..., Batch]


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """`source`: ids 0 to 9, carriers AA and B6 in turn, delays 0.0 to 9.0, one departure an hour from midnight."""
    with duckdb.connect() as opened:
        opened.execute(
            "CREATE TABLE source AS SELECT i AS flight_id, "
            "['AA', 'B6'][1 + (i % 2)::INT] AS carrier, i::DOUBLE AS delay, "
            "TIMESTAMP '2013-05-27' + to_hours(i) AS departs FROM range(10) t(i)"
        )
        yield opened


@pytest.fixture
def make_batch(connection) -> MakeBatch:
    """A batch over `SELECT <select> FROM source`; the columns are those of the view unless given."""

    def make(select: str = "*", **changes: object) -> Batch:
        connection.execute(f"CREATE OR REPLACE VIEW flights AS SELECT {select} FROM source")
        types = {name: sql for name, sql, *_ in connection.execute("DESCRIBE flights").fetchall()}
        batch = Batch(table="flights", name="interval", connection=connection, view="flights", columns=types)
        return dataclasses.replace(batch, **changes)

    return make
