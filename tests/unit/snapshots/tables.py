"""Rows of small Delta tables."""

from collections.abc import Iterable

import pyarrow as pa

from retrainer.contracts import Interval
from retrainer.contracts.columns import INTERVAL
from retrainer.snapshots import connect, open_view, replace_partitions
from tests.factories import day

SCHEMA = pa.schema([("id", pa.int64()), ("name", pa.string()), ("size", pa.float64()), (INTERVAL, pa.string())])
KEYS = [day(number).key for number in range(5)]
ALL = Interval(start=day(0).start, end=day(4).end)

Row = tuple[int | None, str | None, float | None, str]


def batch(rows: Iterable[Row]) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True))
    return pa.RecordBatch.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )


def fill(uri: str, days: Iterable[int], *, rows: int = 3, name: str = "a") -> int:
    """Write `rows` rows into each of `days`."""
    keys = [KEYS[number] for number in days]
    batches = [batch([(row, name, row / 2, key) for row in range(rows)]) for key in keys]
    return replace_partitions(uri, batches, schema=SCHEMA, keys=keys)


def read(ref) -> list[tuple]:
    """All rows behind a pin, sorted."""
    with connect() as connection:
        open_view(connection, ref, "rows")
        return sorted(connection.execute('SELECT * FROM "rows"').fetchall())
