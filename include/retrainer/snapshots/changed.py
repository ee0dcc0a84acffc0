"""Replacing those partitions of a Delta table whose rows have changed, and no others, in one commit."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from retrainer.contracts.columns import INTERVAL
from retrainer.errors import StoreConflictError
from retrainer.snapshots.connection import identifier, literal
from retrainer.snapshots.delta import (
    canonical,
    content_digests,
    grouped,
    has_columns,
    open_table,
    replace_partitions,
)
from retrainer.snapshots.digest import PartitionDigests

_LOG = logging.getLogger(__name__)
_TRIES = 5
_BATCH_ROWS = 500_000


@dataclass(frozen=True)
class Partitions:
    """New rows of the partitions `keys`: the view `view` of `connection`, which has `_interval`."""

    connection: duckdb.DuckDBPyConnection
    view: str
    keys: Sequence[str]


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
    counts = _counts(new)
    table = open_table(uri)
    anew = table is None or not has_columns(table, schema)
    changed = list(new.keys)
    if table is not None and not anew:
        found = _digests(new, counts, schema)
        there = content_digests(new.connection, table, new.keys)
        changed = [key for key in new.keys if found.get(key) != there.get(key)]
    if changed or anew:
        batches = _sorted_batches(new, {key: counts.get(key, 0) for key in changed}, schema, order)
        replace_partitions(uri, batches, schema=schema, keys=changed)
    return len(changed)


def _counts(new: Partitions) -> dict[str, int]:
    query = f"SELECT {INTERVAL}, count(*) FROM {identifier(new.view)} GROUP BY 1"
    found = dict(new.connection.execute(query).fetchall())
    return {key: int(found[key]) for key in new.keys if key in found}


def _digests(new: Partitions, counts: dict[str, int], schema: pa.Schema) -> dict[str, str]:
    digests = PartitionDigests(schema)
    for group in grouped(counts):
        _group_view(new, group)
        for batch in canonical(new.connection, "replacing", schema.names):
            digests.update(batch.cast(schema))
    return digests.result()


def _sorted_batches(
    new: Partitions, counts: dict[str, int], schema: pa.Schema, order: Sequence[str]
) -> Iterator[pa.RecordBatch]:
    """Rows by partition, then in order. Partitions of up to 500,000 rows are not cut: Delta's writer deals batches out
    to several threads, and only keeps the order within one."""
    names = ", ".join(identifier(name) for name in schema.names)
    by = ", ".join([INTERVAL, *(identifier(name) for name in order)])
    for group in grouped({key: count for key, count in counts.items() if count}, _BATCH_ROWS):
        _group_view(new, group)
        reader = new.connection.sql(f"SELECT {names} FROM replacing ORDER BY {by}").to_arrow_reader(_BATCH_ROWS)
        for batch in reader:
            yield batch.cast(schema)


def _group_view(new: Partitions, group: list[str]) -> None:
    """The view `replacing`: the rows of some partitions."""
    keys = ", ".join(literal(key) for key in group)
    rows = f"SELECT * FROM {identifier(new.view)} WHERE {INTERVAL} IN ({keys})"
    new.connection.execute(f"CREATE OR REPLACE TEMP VIEW replacing AS {rows}")
