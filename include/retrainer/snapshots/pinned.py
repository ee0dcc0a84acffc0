"""What a pinned version of a table holds now, to be compared with what it held when it was pinned."""

from datetime import datetime

import duckdb
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from retrainer.contracts import TableRef
from retrainer.errors import BadDataError
from retrainer.snapshots.connection import connect
from retrainer.snapshots.delta import content_digests, counts_of, partition_keys
from retrainer.snapshots.digest import combined


def read_again(ref: TableRef) -> TableRef:
    """`ref` with the rows and the content digest that its version has now: equal to `ref` if nothing was altered.

    Raises:
        BadDataError: the version or one of its files is gone or cannot be read.
    """
    try:
        table = DeltaTable(ref.uri, version=ref.version)
        keys = [key for key in partition_keys(table) if ref.window.contains(datetime.fromisoformat(key))]
        with connect() as connection:
            digests = content_digests(connection, table, keys)
    except (TableNotFoundError, DeltaError, OSError, duckdb.IOException, duckdb.InvalidInputException) as error:
        first_line = str(error).splitlines()[0]
        raise BadDataError(
            f"version {ref.version} of table {ref.table} can no longer be read: {first_line}",
            hint=f"It is at {ref.uri}. Versions that a kept model names are never vacuumed.",
        ) from error
    counts = counts_of(table)
    return ref.model_copy(update={"rows": sum(counts[key] for key in keys), "digest": combined(digests)})
