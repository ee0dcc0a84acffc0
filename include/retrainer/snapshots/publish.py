"""Validated rows into the snapshot table: declared columns and types, changed partitions only, one commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from retrainer.config.declaration import ModelConfig
from retrainer.config.source import ColumnType, Table
from retrainer.contracts.columns import INTERVAL
from retrainer.snapshots.changed import Partitions, replace_changed
from retrainer.snapshots.connection import identifier, literal
from retrainer.snapshots.delta import counts_of, has_columns, laid_out, open_table

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

    Where columns or schedule have been declared differently since, the new version has these partitions only; older
    versions keep theirs.

    Raises:
        StoreConflictError: other writers kept replacing the same partitions first.
    """
    declared = config.source.tables[rows.table]
    query = f"SELECT {INTERVAL}, count(*) FROM {identifier(rows.view)} GROUP BY 1"
    counts = dict(rows.connection.execute(query).fetchall())
    typed = Partitions(rows.connection, rows.keys, counts, lambda keys: _typed_view(rows, declared, keys))
    order = (declared.event_time, *declared.key)
    return replace_changed(typed, uri, schema=snapshot_schema(config, rows.table), order=order)


def _typed_view(rows: Rows, declared: Table, keys: Sequence[str]) -> str:
    """The name of a view of some partitions: declared columns, cast to their declared types."""
    names = {identifier(name): _SQL[kind] for name, kind in declared.columns.items()}
    selected = ", ".join([*(f"CAST({name} AS {kind}) AS {name}" for name, kind in names.items()), INTERVAL])
    wanted = ", ".join(literal(key) for key in keys)
    query = f"SELECT {selected} FROM {identifier(rows.view)} WHERE {INTERVAL} IN ({wanted})"
    rows.connection.execute(f"CREATE OR REPLACE TEMP VIEW typed AS {query}")
    return "typed"
