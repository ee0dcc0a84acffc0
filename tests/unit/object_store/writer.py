"""A writer of a Delta table as a process: `python -m tests.unit.object_store.writer HOW URI KEY VALUE ROWS`.

It waits for a line on stdin once it is ready, so that several begin at once, and prints what became of it.
"""

import os
import signal
import sys
from collections.abc import Iterator

import click
import duckdb
import pyarrow as pa

from retrainer.contracts.columns import INTERVAL
from retrainer.errors import StoreConflictError
from retrainer.predictions.table import NewRows, append
from retrainer.snapshots import replace_partitions

SCHEMA = pa.schema([pa.field("value", pa.int64()), pa.field(INTERVAL, pa.string())])
LOGGED = pa.schema([(name, pa.string()) for name in ("id", "source", "version")] + [("day", pa.date32())])


def replace(uri: str, key: str, value: int, rows: int) -> None:
    """Make `rows` times `value` the partition `key`."""
    replace_partitions(uri, _batches(key, value, rows), schema=SCHEMA, keys=[key])


def replace_until_killed(uri: str, key: str, value: int, rows: int) -> None:
    """Be killed with all rows but the last written."""

    def batches() -> Iterator[pa.RecordBatch]:
        yield from _batches(key, value, rows)
        os.kill(os.getpid(), signal.SIGKILL)

    replace_partitions(uri, batches(), schema=SCHEMA, keys=[key])


def append_predictions(uri: str, key: str, value: int, rows: int) -> None:
    """Append predictions of a day, and print how many were new."""
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE VIEW made AS SELECT '{value}: ' || i AS id, 'model' AS source, '1' AS version, "
            f"DATE '{key}' AS day, i AS file_row_number FROM range({rows}) AS t(i)"
        )
        click.echo(append(NewRows(connection, "made", LOGGED, [f"segment {value}"]), uri))


def _batches(key: str, value: int, rows: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, rows, 10_000):
        count = min(10_000, rows - start)
        yield pa.RecordBatch.from_arrays([pa.array([value] * count), pa.array([key] * count)], schema=SCHEMA)


HOW = {"replace": replace, "replace_until_killed": replace_until_killed, "append": append_predictions}


def main() -> None:
    how, uri, key, value, rows = sys.argv[1:]
    click.echo("ready")
    sys.stdin.readline()
    try:
        HOW[how](uri, key, int(value), int(rows))
    except StoreConflictError:
        click.echo("conflict")
    else:
        click.echo("done")


if __name__ == "__main__":
    main()
