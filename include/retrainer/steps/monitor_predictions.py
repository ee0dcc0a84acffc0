"""The predictions of some intervals as one DuckDB view, whether made in a batch or answered by the server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from retrainer.config.declaration import ModelConfig
from retrainer.config.source import ColumnType
from retrainer.contracts import Interval
from retrainer.contracts.columns import INTERVAL, TIME
from retrainer.features import feature_columns
from retrainer.predictions import predictions_uri
from retrainer.predictions.columns import logged_columns
from retrainer.scoring import scored_uri, view_scored
from retrainer.scoring.columns import kept_columns
from retrainer.snapshots.connection import identifier, literal

PLACE = "_retrainer_interval"
"""Key of the interval that a prediction belongs to."""

VERSION = "_retrainer_version"
OUTPUT = "_retrainer_output"
ORDER = "_retrainer_order"
"""When a prediction was made, and what tells it from others of the same moment."""

_RAW = "predictions_as_stored"

_SQL: Mapping[ColumnType, str] = MappingProxyType(
    {
        "string": "VARCHAR",
        "integer": "BIGINT",
        "float": "DOUBLE",
        "boolean": "BOOLEAN",
        "timestamp": "TIMESTAMP WITH TIME ZONE",
    }
)


@dataclass(frozen=True, slots=True)
class Predictions:
    """The view `view`, one row a prediction of a version: PLACE, VERSION, OUTPUT, ORDER, a column for each key (`keys`,
    by the key's name) and for each feature (`features`, by its name).

    `by_event` says whether each of them lies in the interval of its row's event; otherwise some of them lie in the
    interval in which they were asked for.
    """

    view: str
    keys: Mapping[str, str]
    features: Mapping[str, str]
    by_event: bool


def open_predictions(
    config: ModelConfig, data_uri: str, intervals: Sequence[Interval], *, connection: duckdb.DuckDBPyConnection
) -> Predictions | None:
    """Make the view of what monitoring.predictions says; None where nothing was ever predicted."""
    opening = _scored if config.monitoring.predictions == "scored" else _served
    return opening(config, data_uri, intervals, connection)


def _scored(
    config: ModelConfig, data_uri: str, intervals: Sequence[Interval], connection: duckdb.DuckDBPyConnection
) -> Predictions | None:
    uri = scored_uri(data_uri, config.name)
    if not view_scored(connection, uri, [each.key for each in intervals], name=_RAW):
        return None
    key = config.source.tables[config.source.rows].key
    stored = {name: column for column, name in kept_columns([*key, *feature_columns(config), TIME]).items()}
    placed = (
        f"SELECT {INTERVAL} AS {PLACE}, version AS {VERSION}, prediction AS {OUTPUT}, (scored_at, '') AS {ORDER}, s.*"
    )
    return _view(config, stored, f"{placed} FROM {_RAW} AS s", connection, by_event=True)


def _served(
    config: ModelConfig, data_uri: str, intervals: Sequence[Interval], connection: duckdb.DuckDBPyConnection
) -> Predictions | None:
    try:
        table = DeltaTable(predictions_uri(data_uri, config.name))
    except TableNotFoundError:  # nothing was collected yet
        return None
    stored = {column.name: column.stored for column in logged_columns(config)}
    rows = table.to_pyarrow_dataset()
    event = stored.get(config.source.tables[config.source.rows].event_time)
    if event not in rows.schema.names:
        event = None
    connection.register(_RAW, rows.filter((pc.field("source") == "model") & _within(intervals, event)))
    moment = f'coalesce({identifier(event)}, "at")' if event else '"at"'
    bounds = ", ".join(
        f"({literal(each.key)}, TIMESTAMPTZ '{each.start.isoformat()}', TIMESTAMPTZ '{each.end.isoformat()}')"
        for each in intervals
    )
    placed = (
        f'SELECT i.key AS {PLACE}, s.version AS {VERSION}, s.output AS {OUTPUT}, (s."at", s.id) AS {ORDER}, s.* '
        f"FROM (SELECT *, {moment} AS moment FROM {_RAW}) AS s "
        f"JOIN (VALUES {bounds}) AS i(key, first, past) ON s.moment >= i.first AND s.moment < i.past"
    )
    by_event = event is not None and not _any_missing(event, connection)
    return _view(config, stored, placed, connection, by_event=by_event)


def _within(intervals: Sequence[Interval], event: str | None) -> pc.Expression:
    """Rows whose event, or where that is not known whose request, is between the first interval and the last."""
    first, past = min(each.start for each in intervals), max(each.end for each in intervals)
    if event is None:
        return _between("at", first, past)
    return _between(event, first, past) | (pc.field(event).is_null() & _between("at", first, past))


def _between(column: str, first: datetime, past: datetime) -> pc.Expression:
    kind = pa.timestamp("us", tz="UTC")
    return (pc.field(column) >= pa.scalar(first, kind)) & (pc.field(column) < pa.scalar(past, kind))


def _any_missing(column: str, connection: duckdb.DuckDBPyConnection) -> bool:
    found = connection.execute(f"SELECT 1 FROM {_RAW} WHERE {identifier(column)} IS NULL LIMIT 1")
    return found.fetchone() is not None


def _view(
    config: ModelConfig,
    stored: Mapping[str, str],
    placed: str,
    connection: duckdb.DuckDBPyConnection,
    *,
    by_event: bool,
) -> Predictions:
    """The view over the query `placed`; `stored` is what it calls each key and feature. A column that is younger than
    the table is null in all of it."""
    there = connection.sql(f"SELECT * FROM {_RAW} LIMIT 0").columns
    key = config.source.tables[config.source.rows].key
    keys = {name: f"_retrainer_key_{number}" for number, name in enumerate(key)}
    features = {name: f"_retrainer_feature_{number}" for number, name in enumerate(feature_columns(config))}
    missing = {column.name: f"CAST(NULL AS {_SQL[column.type]})" for column in logged_columns(config)}
    named = [
        f"{identifier(stored[name]) if stored[name] in there else missing[name]} AS {column}"
        for each in (keys, features)
        for name, column in each.items()
    ]
    columns = ", ".join((PLACE, VERSION, OUTPUT, ORDER, *named))
    connection.execute(f"CREATE OR REPLACE TEMP VIEW predictions AS SELECT {columns} FROM ({placed}) AS p")
    return Predictions("predictions", keys, features, by_event)
