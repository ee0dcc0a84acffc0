"""Partitions of a Delta table replaced in one commit, by files that nobody finds before it.

Rows are streamed into files first: memory holds one row group, whatever the size of a partition.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.transaction import AddAction

from retrainer import delta_commit
from retrainer.contracts.columns import INTERVAL
from retrainer.delta_commit import as_stored, table_schema
from retrainer.errors import StoreConflictError
from retrainer.partition_file import write_partition
from retrainer.snapshots.delta import has_columns
from retrainer.snapshots.digest import runs

_LOG = logging.getLogger(__name__)
_FOR_EVER = "interval 36500 days"
_CONFIGURATION = {
    "delta.logRetentionDuration": _FOR_EVER,
    "delta.deletedFileRetentionDuration": _FOR_EVER,
    "delta.enableExpiredLogCleanup": "false",
}


def replace_partitions(
    uri: str, batches: Iterable[pa.RecordBatch], *, schema: pa.Schema, keys: Sequence[str], anew: bool = False
) -> int:
    """Replace the partitions `keys` by the rows of `batches`, in one commit; the version that this made.

    Rows are streamed; those of a partition should come together. `schema` includes `_interval` (string), whose values
    must be among `keys`; a key without rows ends up empty. The table is made where there is none. With `anew`, and
    where the table has other columns, the new version has these partitions only; older versions keep theirs.

    Raises:
        StoreConflictError: another writer replaced one of the partitions in the meantime.
        ValueError: a row is of another partition.
    """
    table = open_or_create(uri, schema)
    anew = anew or not has_columns(table, schema)
    if not anew and not keys:
        return int(table.version())
    files = write_files(table, batches, schema=schema, keys=keys)
    return commit_files(table, files, schema=schema, keys=keys, anew=anew)


def open_or_create(uri: str, schema: pa.Schema) -> DeltaTable:
    """The table; where there is none, an empty one whose versions are kept for ever."""
    return delta_commit.open_or_create(uri, schema, configuration=_CONFIGURATION)


def write_files(
    table: DeltaTable, batches: Iterable[pa.RecordBatch], *, schema: pa.Schema, keys: Sequence[str]
) -> list[AddAction]:
    """Write the rows of `batches`, of `schema`, into new files of the table; what there is to commit.

    Raises:
        ValueError: a row is of a partition that is not among `keys`.
    """
    stored = pa.schema([field for field in as_stored(schema) if field.name != INTERVAL])
    uri, files = unquote(table.table_uri), list[AddAction]()
    for key, pieces in groupby(_pieces(batches, stored), key=itemgetter(0)):
        if key not in keys:
            raise ValueError(f"rows of partition {key!r}, where only those of {', '.join(keys)} are replaced")
        files.append(write_partition(uri, key, (piece for _, piece in pieces), schema=stored))
    return files


def commit_files(
    table: DeltaTable, files: Sequence[AddAction], *, schema: pa.Schema, keys: Sequence[str], anew: bool = False
) -> int:
    """Have those files be all that the partitions `keys` have (with `anew`: all that the table has), in one commit.

    Writers of other partitions do not disturb: where one was first, the commit is tried again on what it left.

    Raises:
        StoreConflictError: another writer replaced one of the partitions since `table` was opened.
    """

    def columns(there: DeltaTable) -> pa.Schema:
        if anew:
            return as_stored(schema)
        if not has_columns(there, schema):
            raise StoreConflictError(f"another writer gave {there.table_uri} other columns first")
        return table_schema(there)

    made = delta_commit.replace(table, files, keys=keys, columns=columns, anew=anew)
    _LOG.info("%s: %d partitions replaced, version %d", table.table_uri, len(keys), made)
    return made


def _pieces(batches: Iterable[pa.RecordBatch], stored: pa.Schema) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows by partition, without it."""
    for batch in batches:
        rows = batch.select(stored.names).cast(stored)
        for key, start, length in runs(batch.column(INTERVAL)):
            yield key, rows.slice(start, length)
