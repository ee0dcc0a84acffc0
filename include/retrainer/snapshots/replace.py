"""Partitions of a Delta table replaced in one commit, by files that nobody finds before it.

Rows are streamed into files first: memory holds one row group, whatever the size of a partition.
"""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from operator import itemgetter
from urllib.parse import unquote

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction

from retrainer.contracts.columns import INTERVAL
from retrainer.errors import StoreConflictError
from retrainer.partition_file import write_partition
from retrainer.snapshots.delta import PARTITIONS, files_of, has_columns, table_schema
from retrainer.snapshots.digest import runs

_LOG = logging.getLogger(__name__)
_TRIES = 50
"""Commits of others to other partitions that a writer lets pass before it gives up."""

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
    """The table; where there is none, an empty one, so that of two writers of a new table both find the same."""
    with suppress(CommitFailedError):  # another writer made it at the same time
        DeltaTable.create(
            uri,
            schema,
            mode="ignore",
            partition_by=[INTERVAL],
            configuration=_CONFIGURATION,
            commit_properties=CommitProperties(max_commit_retries=0),
        )
    return DeltaTable(uri)


def write_files(
    table: DeltaTable, batches: Iterable[pa.RecordBatch], *, schema: pa.Schema, keys: Sequence[str]
) -> list[AddAction]:
    """Write the rows of `batches`, of `schema`, into new files of the table; what there is to commit.

    Raises:
        ValueError: a row is of a partition that is not among `keys`.
    """
    stored = pa.schema([field for field in _as_stored(schema) if field.name != INTERVAL])
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
    before = files_of(table, keys)
    # No rebase inside: Delta Lake lets two writers into a partition that was empty.
    commit = CommitProperties(custom_metadata={PARTITIONS: json.dumps(sorted(keys))}, max_commit_retries=0)
    for _ in range(_TRIES):
        made = int(table.version()) + 1
        try:
            table.create_write_transaction(
                list(files),
                "overwrite",
                _as_stored(schema) if anew else table_schema(table),
                [INTERVAL],
                None if anew else [(INTERVAL, "in", sorted(keys))],
                commit_properties=commit,
            )
        except CommitFailedError as error:
            table.update_incremental()
            if anew or not has_columns(table, schema) or files_of(table, keys) != before:
                raise StoreConflictError(
                    f"another writer replaced partitions of {table.table_uri} first: {error}"
                ) from error
        else:
            _LOG.info("%s: %d partitions replaced, version %d", table.table_uri, len(keys), made)
            return made
    raise StoreConflictError(f"other writers wrote to {table.table_uri} first, {_TRIES} times")


def _pieces(batches: Iterable[pa.RecordBatch], stored: pa.Schema) -> Iterator[tuple[str, pa.RecordBatch]]:
    """The rows by partition, without it."""
    for batch in batches:
        rows = batch.select(stored.names).cast(stored)
        for key, start, length in runs(batch.column(INTERVAL)):
            yield key, rows.slice(start, length)


def _as_stored(schema: pa.Schema) -> pa.Schema:
    """With the types that columns have in a Delta table."""
    return pa.schema(Schema.from_arrow(schema).to_arrow())
