"""Validated rows into the snapshot table: declared columns and types, changed partitions only, one commit."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from retrainer.config.declaration import ModelConfig
from retrainer.config.source import ColumnType, Table
from retrainer.contracts.columns import INTERVAL
from retrainer.errors import StoreConflictError
from retrainer.snapshots.connection import identifier, literal
from retrainer.snapshots.delta import (
    canonical,
    content_digests,
    counts_of,
    grouped,
    has_columns,
    laid_out,
    open_table,
    replace_partitions,
)
from retrainer.snapshots.digest import PartitionDigests

_LOG = logging.getLogger(__name__)
_TRIES = 5
_BATCH_ROWS = 500_000
_MOMENT = pa.timestamp("us", tz="UTC")
_ARROW: Mapping[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": _MOMENT,
}
_SQL: Mapping[ColumnType, str] = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "float": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
}


@dataclass(frozen=True)
class Rows:
    """Rows of one declared table to publish: the partitions `keys` of the view `view`, which has `_interval`."""

    connection: duckdb.DuckDBPyConnection
    table: str
    view: str
    keys: Sequence[str]


def snapshot_schema(config: ModelConfig, name: str) -> pa.Schema:
    """Columns of the snapshot of a declared table, `_interval` (string) last, laid out by schedule and event time."""
    table, schedule = config.source.tables[name], config.schedule
    fields = [pa.field(column, _ARROW[kind]) for column, kind in table.columns.items()]
    layout = [schedule.cron, schedule.timezone, table.name or name, table.event_time]
    return laid_out(pa.schema([*fields, pa.field(INTERVAL, pa.string())]), list(layout))


def published_counts(uri: str, config: ModelConfig, name: str) -> dict[str, int]:
    """Rows of each validated partition; none where columns or schedule have been declared differently since."""
    table = open_table(uri)
    if table is None or not has_columns(table, snapshot_schema(config, name)):
        return {}
    return counts_of(table)


def publish(rows: Rows, uri: str, config: ModelConfig) -> int:
    """Replace those partitions of the snapshot table whose rows have changed, in one commit; how many these were.

    A key without rows ends up empty. Where columns or schedule have been declared differently since, the new version
    has these partitions only; older versions keep theirs.

    Raises:
        StoreConflictError: other writers kept replacing the same partitions first.
    """
    for attempt in range(1, _TRIES + 1):
        try:
            return _publish(rows, uri, config)
        except StoreConflictError:
            if attempt == _TRIES:
                raise
            _LOG.info("%s: another writer was first, trying again (%d of %d)", uri, attempt + 1, _TRIES)
    raise AssertionError("unreachable")


def _publish(rows: Rows, uri: str, config: ModelConfig) -> int:
    schema = snapshot_schema(config, rows.table)
    declared = config.source.tables[rows.table]
    _typed_view(rows, declared)
    counts = _counts(rows)
    table = open_table(uri)
    anew = table is None or not has_columns(table, schema)
    changed = list(rows.keys)
    if table is not None and not anew:
        new = _digests(rows.connection, counts, schema)
        old = content_digests(rows.connection, table, rows.keys)
        changed = [key for key in rows.keys if new.get(key) != old.get(key)]
    if changed or anew:
        order = [declared.event_time, *declared.key]
        batches = _sorted_batches(rows.connection, {key: counts.get(key, 0) for key in changed}, schema, order)
        replace_partitions(uri, batches, schema=schema, keys=changed)
    return len(changed)


def _typed_view(rows: Rows, declared: Table) -> None:
    """The view `typed`: declared columns, cast to their declared types."""
    names = {identifier(name): _SQL[kind] for name, kind in declared.columns.items()}
    selected = ", ".join([*(f"CAST({name} AS {kind}) AS {name}" for name, kind in names.items()), INTERVAL])
    rows.connection.execute(f"CREATE OR REPLACE TEMP VIEW typed AS SELECT {selected} FROM {identifier(rows.view)}")


def _counts(rows: Rows) -> dict[str, int]:
    query = f"SELECT {INTERVAL}, count(*) FROM typed GROUP BY 1"
    found = dict(rows.connection.execute(query).fetchall())
    return {key: int(found[key]) for key in rows.keys if key in found}


def _digests(connection: duckdb.DuckDBPyConnection, counts: dict[str, int], schema: pa.Schema) -> dict[str, str]:
    digests = PartitionDigests(schema)
    for group in grouped(counts):
        _group_view(connection, group)
        for batch in canonical(connection, "typed_group", schema.names):
            digests.update(batch.cast(schema))
    return digests.result()


def _sorted_batches(
    connection: duckdb.DuckDBPyConnection, counts: dict[str, int], schema: pa.Schema, order: list[str]
) -> Iterator[pa.RecordBatch]:
    """Rows by partition, event time and key. Partitions of up to 500,000 rows are not cut: Delta's writer deals
    batches out to several threads, and only keeps the order within one."""
    names = ", ".join(identifier(name) for name in schema.names)
    by = ", ".join([INTERVAL, *(identifier(name) for name in order)])
    for group in grouped({key: count for key, count in counts.items() if count}, _BATCH_ROWS):
        _group_view(connection, group)
        reader = connection.sql(f"SELECT {names} FROM typed_group ORDER BY {by}").to_arrow_reader(_BATCH_ROWS)
        for batch in reader:
            yield batch.cast(schema)


def _group_view(connection: duckdb.DuckDBPyConnection, group: list[str]) -> None:
    keys = ", ".join(literal(key) for key in group)
    connection.execute(f"CREATE OR REPLACE TEMP VIEW typed_group AS SELECT * FROM typed WHERE {INTERVAL} IN ({keys})")
