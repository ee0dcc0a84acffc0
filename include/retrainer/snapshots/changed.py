"""Replacing those partitions of a Delta table whose rows have changed, and no others, in one commit."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa
from deltalake.transaction import AddAction

from retrainer.contracts.columns import INTERVAL
from retrainer.errors import StoreConflictError
from retrainer.snapshots.connection import identifier, literal
from retrainer.snapshots.delta import canonical, content_digests, grouped, has_columns
from retrainer.snapshots.digest import PartitionDigests
from retrainer.snapshots.replace import commit_files, open_or_create, write_files

_LOG = logging.getLogger(__name__)
_TRIES = 5
_GROUP_ROWS = 1_000_000
_BATCH_ROWS = 50_000


@dataclass(frozen=True)
class Partitions:
    """New rows of the partitions `keys`, made a few partitions at a time.

    `rows_of` gives the name of a view or table of `connection` with the rows of some of them, and `_interval`; the next
    call may replace it. `counts` says about how many rows each has, none where a key is missing: so many are made
    together that memory is well used and not exceeded.
    """

    connection: duckdb.DuckDBPyConnection
    keys: Sequence[str]
    counts: Mapping[str, int]
    rows_of: Callable[[Sequence[str]], str]


def replace_changed(new: Partitions, uri: str, *, schema: pa.Schema, order: Sequence[str]) -> int:
    """Replace those partitions whose rows are not what the table has; how many these were.

    Rows are cast to `schema` (`_interval` included) and written in `order` within their partition. A key without rows
    ends up empty. Where the table has other columns or another layout, its new version has these partitions only; older
    versions keep theirs.

    Raises:
        StoreConflictError: other writers kept replacing the same partitions first.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            return _replace(new, uri, schema, order)
        except StoreConflictError:
            if attempt == _TRIES:
                raise
            _LOG.info("%s: another writer was first, trying again (%d of %d)", uri, attempt + 1, _TRIES)
    raise AssertionError("unreachable")


def _replace(new: Partitions, uri: str, schema: pa.Schema, order: Sequence[str]) -> int:
    table = open_or_create(uri, schema)
    anew = not has_columns(table, schema)
    there = {} if anew else content_digests(new.connection, table, new.keys)
    changed: list[str] = []
    files: list[AddAction] = []
    for group in grouped({key: new.counts.get(key, 0) for key in new.keys}, _GROUP_ROWS):
        rows = new.rows_of(group)
        different = _different(new.connection, rows, {key: there[key] for key in group if key in there}, schema)
        changed += different
        batches = _sorted_batches(new.connection, rows, different, schema=schema, order=order)
        files += write_files(table, batches, schema=schema, keys=group)
    if anew or table.version() == 0:  # each key is new, also one without rows
        changed = list(new.keys)
    if changed or anew:
        commit_files(table, files, schema=schema, keys=changed, anew=anew)
    return len(changed)


def _different(
    connection: duckdb.DuckDBPyConnection, rows: str, there: Mapping[str, str], schema: pa.Schema
) -> list[str]:
    """Keys of the partitions of `rows` whose digests are not those that are `there`, and of those that are no more."""
    found: dict[str, str] = {}
    if there:
        digests = PartitionDigests(schema)
        for batch in canonical(connection, rows, schema.names):
            digests.update(batch.cast(schema))
        found = digests.result()
    else:  # all of them are new: no need to know their digests
        keys = connection.execute(f"SELECT DISTINCT {INTERVAL} FROM {identifier(rows)}").fetchall()
        found = {key: "" for (key,) in keys}
    return sorted(key for key in {*found, *there} if found.get(key) != there.get(key))


def _sorted_batches(
    connection: duckdb.DuckDBPyConnection, rows: str, keys: Sequence[str], *, schema: pa.Schema, order: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """The rows of the partitions `keys`, by partition, then in order."""
    if not keys:
        return
    names = ", ".join(identifier(name) for name in schema.names)
    by = ", ".join([INTERVAL, *(identifier(name) for name in order)])
    wanted = ", ".join(literal(key) for key in keys)
    query = f"SELECT {names} FROM {identifier(rows)} WHERE {INTERVAL} IN ({wanted}) ORDER BY {by}"
    for batch in connection.sql(query).to_arrow_reader(_BATCH_ROWS):
        yield batch.cast(schema)
