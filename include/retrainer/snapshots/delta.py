"""Delta tables with one partition per interval: pinned views, counts, content digests."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError
from pydantic import JsonValue

from retrainer.contracts import Interval, TableRef, digest_json
from retrainer.contracts.columns import INTERVAL
from retrainer.delta_commit import PARTITIONS, as_stored, files_of, table_schema
from retrainer.errors import StoreConflictError
from retrainer.snapshots.connection import connect, identifier, literal
from retrainer.snapshots.digest import PartitionDigests, combined
from retrainer.snapshots.place import local_path

_LAYOUT = "retrainer.layout"
_KEEPS_ROWS = ("VACUUM START", "VACUUM END")
_TRIES = 50
"""Commits of others that a look into the log lets pass before it gives up."""

_DIGEST_ROWS = 2_000_000
"""Partitions are sorted in groups of about so many rows."""


def open_table(uri: str, version: int | None = None) -> DeltaTable | None:
    """The Delta table, or None where there is none yet."""
    try:
        return DeltaTable(uri, version=version)
    except TableNotFoundError:
        return None


def open_view(connection: duckdb.DuckDBPyConnection, ref: TableRef, name: str) -> None:
    """Make the view `name`: the rows of the pinned version of a table whose partition lies in its window.

    All columns, timestamps as TIMESTAMP WITH TIME ZONE, and `_interval` (VARCHAR, last).

    Raises:
        StoreConflictError: the pinned version is no longer there.
    """
    try:
        table = DeltaTable(ref.uri, version=ref.version)
    except (TableNotFoundError, DeltaError) as error:
        raise StoreConflictError(f"version {ref.version} of {ref.uri} cannot be read: {error}") from error
    keys = [key for key in partition_keys(table) if _inside(key, ref.window)]
    view_partitions(connection, table, keys, name)


def view_partitions(connection: duckdb.DuckDBPyConnection, table: DeltaTable, keys: Sequence[str], name: str) -> None:
    """Make the view `name`: the rows of the partitions `keys` of an open Delta table."""
    columns = [field.name for field in table_schema(table) if field.name != INTERVAL]
    files = files_of(table, keys)
    folder = local_path(unquote(table.table_uri))
    if not files:
        connection.register(f"{name}__empty", table_schema(table).empty_table())
        source = identifier(f"{name}__empty")
    elif folder is not None:
        paths = ", ".join(literal(str(folder / file)) for file in files)
        source = f"read_parquet([{paths}], hive_partitioning = true, hive_types = {{'{INTERVAL}': VARCHAR}})"
    else:
        connection.register(f"{name}__files", table.to_pyarrow_dataset().filter(pc.field(INTERVAL).isin(list(keys))))
        source = identifier(f"{name}__files")
    selected = ", ".join(identifier(column) for column in (*columns, INTERVAL))
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {identifier(name)} AS SELECT {selected} FROM {source}")


def has_columns(table: DeltaTable, schema: pa.Schema) -> bool:
    """Does the table have the columns of `schema`, in whatever order, of the same types, laid out the same way?"""
    wanted = as_stored(schema)
    found = table_schema(table)
    same_layout = found.field(INTERVAL).metadata == wanted.field(INTERVAL).metadata
    return same_layout and {each.name: each.type for each in found} == {each.name: each.type for each in wanted}


def laid_out(schema: pa.Schema, layout: JsonValue) -> pa.Schema:
    """`schema` with a note of how rows are put into partitions, such as by which schedule.

    Partitions that were made by another layout are not mixed with those of this one: `replace_partitions` then begins
    the table's new version with its own only.
    """
    index = schema.get_field_index(INTERVAL)
    return schema.set(index, pa.field(INTERVAL, pa.string(), metadata={_LAYOUT: digest_json(layout)}))


def partition_keys(table: DeltaTable) -> list[str]:
    """Keys of the partitions that have rows, in order."""
    return sorted({str(partition[INTERVAL]) for partition in table.partitions()})


def partition_counts(uri: str) -> dict[str, int]:
    """Rows of each partition of the table's newest version, by key; empty where there is no table. Reads no rows."""
    table = open_table(uri)
    return {} if table is None else counts_of(table)


def pinned_counts(ref: TableRef) -> dict[str, int]:
    """Rows of each partition of a pinned table, by key. Reads no rows."""
    return counts_of(DeltaTable(ref.uri, version=ref.version))


def pinned_schema(ref: TableRef) -> pa.Schema:
    """Columns of a pinned table, `_interval` among them."""
    return table_schema(DeltaTable(ref.uri, version=ref.version))


def counts_of(table: DeltaTable) -> dict[str, int]:
    """Rows of each partition of an open table, by key."""
    actions = pa.table(table.get_add_actions(flatten=True))
    counts: dict[str, int] = {}
    keys, rows = actions[f"partition.{INTERVAL}"].to_pylist(), actions["num_records"].to_pylist()
    for key, count in zip(keys, rows, strict=True):
        counts[key] = counts.get(key, 0) + count
    return dict(sorted(counts.items()))


def pin(uri: str, table: str, window: Interval) -> TableRef:
    """The partitions in `window` of the table at `uri`, pinned: version, rows and content digest.

    The version is the newest that changed one of these partitions, so that later commits to others do not change
    the pin.

    Raises:
        StoreConflictError: there is no such table.
    """
    head = _head(uri)
    version = _last_change(head, window)
    pinned = head if version == head.version() else DeltaTable(uri, version=version)
    keys = [key for key in partition_keys(pinned) if _inside(key, window)]
    with connect() as connection:
        digests = content_digests(connection, pinned, keys)
    counts = counts_of(pinned)
    rows = sum(counts[key] for key in keys)
    return TableRef(table=table, uri=uri, version=version, window=window, rows=rows, digest=combined(digests))


def last_change(uri: str, window: Interval) -> int:
    """The newest version of the table at `uri` that changed a partition in `window`.

    Raises:
        StoreConflictError: there is no such table.
    """
    return _last_change(_head(uri), window)


def content_digests(connection: duckdb.DuckDBPyConnection, table: DeltaTable, keys: Sequence[str]) -> dict[str, str]:
    """Digest of the content of each of the partitions `keys`; sorts them in groups, in bounded memory."""
    counts = counts_of(table)
    digests: dict[str, str] = {}
    for group in grouped({key: counts[key] for key in keys if key in counts}):
        view_partitions(connection, table, group, "digested")
        found = PartitionDigests(table_schema(table))
        for batch in canonical(connection, "digested", table_schema(table).names):
            found.update(batch)
        digests |= found.result()
    return digests


def canonical(
    connection: duckdb.DuckDBPyConnection, view: str, columns: Iterable[str], *, distinct: bool = False
) -> pa.RecordBatchReader:
    """The rows of a view in canonical order: by partition, then by all columns in the order of their names."""
    names = [identifier(name) for name in columns]
    order = ", ".join([INTERVAL, *sorted(name for name in names if name != identifier(INTERVAL))])
    what = "DISTINCT " if distinct else ""
    return connection.sql(f"SELECT {what}{', '.join(names)} FROM {identifier(view)} ORDER BY {order}").to_arrow_reader(
        100_000
    )


def grouped(counts: dict[str, int], limit: int = _DIGEST_ROWS) -> Iterable[list[str]]:
    """Partition keys in order, in groups of about `limit` rows."""
    group: list[str] = []
    rows = 0
    for key, count in sorted(counts.items()):
        if group and rows + count > limit:
            yield group
            group, rows = [], 0
        group.append(key)
        rows += count
    if group:
        yield group


def _head(uri: str) -> DeltaTable:
    head = open_table(uri)
    if head is None:
        raise StoreConflictError(f"there is no Delta table at {uri}")
    return head


def _last_change(table: DeltaTable, window: Interval) -> int:
    limit = 64
    while True:
        commits = _commits(table, limit)
        for version, commit in commits:
            if version > table.version() or commit.get("operation") in _KEEPS_ROWS:
                continue
            keys = commit.get(PARTITIONS)
            if keys is None or any(_inside(key, window) for key in json.loads(keys)):
                return version
        if len(commits) < limit:
            return int(table.version())
        limit *= 4


def _commits(table: DeltaTable, limit: int) -> list[tuple[int, dict[str, Any]]]:
    """The newest commits in the log with their versions, the newest first.

    delta-rs reads them from the log as it is now, and counts back from the version that is open: where another writer
    was faster, its numbers are wrong. They are counted here, from a version that was the newest before and after.
    """
    newest = -1
    for _ in range(_TRIES):
        commits = table.history(limit)
        before, newest = newest, int(DeltaTable(unquote(table.table_uri)).version())
        if newest in (before, table.version()):
            return [(newest - place, commit) for place, commit in enumerate(commits)]
    raise StoreConflictError(f"other writers kept writing to {table.table_uri}")


def _inside(key: str, window: Interval) -> bool:
    return window.contains(datetime.fromisoformat(key))
