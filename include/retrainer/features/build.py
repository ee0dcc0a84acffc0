"""One definition of the features for training, batch scoring and the server.

Everything is one DuckDB query over views of the snapshot's tables. A looked-up row counts only once it was published
(event time + delay) at or before the row's own event time (ASOF JOIN), and not when it is older than max_age. A window
aggregates rows whose event lies in [start - over, start) of the row's interval, and labels only if they were known at
its start. So no value can be later than the prediction time of its row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import duckdb
import pyarrow as pa

from retrainer.config.declaration import ModelConfig
from retrainer.config.features import Lookup, Window
from retrainer.config.source import Label, Table
from retrainer.contracts import Interval
from retrainer.contracts.columns import INTERVAL, KNOWN_AT, LABEL, TIME
from retrainer.errors import ConfigurationError
from retrainer.features.columns import lookup_column

_INTERVALS = "_intervals"
_LABEL = "_retrainer_label"


@dataclass(frozen=True, slots=True)
class FeatureTables:
    """An open connection and the name of the view of each source table in it.

    A view has the table's declared columns and `_interval`. The row table must reach back before the first interval
    by the longest window, a looked-up table by its max_age and delay; what is missing there counts as not known.
    """

    connection: duckdb.DuckDBPyConnection
    views: Mapping[str, str]


def build_features(
    tables: FeatureTables, config: ModelConfig, *, intervals: Sequence[Interval]
) -> duckdb.DuckDBPyRelation:
    """Features of every row whose event lies in one of `intervals`, as a relation of the tables' connection.

    One row of the result is one row of the row table, sorted by `_interval`, event time and key. Columns: `_interval`
    (string), key columns, `_time` and `_known_at` (timestamp, UTC), the declared inputs, looked-up values
    (`<lookup>__<column>`), windows (float64) and `label` (float64). No rows in, no rows out; a value that was not
    known at prediction time is null.

    Raises:
        ConfigurationError: DuckDB refuses the query, such as for a label expression that is not SQL.
    """
    connection = tables.connection
    connection.register(_INTERVALS, _intervals_table(intervals))
    try:
        return connection.sql(_query(config, tables.views))
    except (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException) as error:
        raise ConfigurationError(
            f"features of model {config.name!r} cannot be built: {str(error).splitlines()[0]}"
        ) from error


def _intervals_table(intervals: Sequence[Interval]) -> pa.Table:
    moment = pa.timestamp("us", tz="UTC")
    return pa.table(
        {
            "key": pa.array([interval.key for interval in intervals], pa.string()),
            "start": pa.array([interval.start for interval in intervals], moment),
        }
    )


def _query(config: ModelConfig, views: Mapping[str, str]) -> str:
    source = config.source
    rows = source.tables[source.rows]
    labelled = _labelled(views[source.rows], source.label)
    event_time = _quoted(rows.event_time)
    known_at = _known_at(source.label, event_time)
    inputs = [column for column in config.features.inputs if column not in rows.key]
    kept = ", ".join(f"r.{_quoted(column)}" for column in (*rows.key, *inputs))
    columns = [f"r.{INTERVAL}", kept, f"r.{event_time} AS {TIME}"]
    joins: list[str] = []
    for name, lookup in config.features.lookups.items():
        at = source.tables[lookup.table].event_time
        columns += [_looked_up(name, lookup, column, event_time) for column in lookup.columns]
        joins.append(_asof_join(name, lookup, views[lookup.table], at=at, event_time=event_time))
    for name, window in config.features.windows.items():
        columns.append(f"{_quoted('w_' + name)}.value AS {_quoted(name)}")
        history = _history(window, views[source.rows], labelled)
        joins.append(_window_join(name, window, history, rows=rows, label=source.label))
    columns += [f"r.{_LABEL} AS {LABEL}", f"{known_at} AS {KNOWN_AT}"]
    ordered = ", ".join([f"r.{INTERVAL}", f"r.{event_time}", *(f"r.{_quoted(key)}" for key in rows.key)])
    return (
        f"SELECT {', '.join(columns)} FROM {labelled} AS r "
        f"JOIN {_INTERVALS} AS i ON i.key = r.{INTERVAL} {' '.join(joins)} ORDER BY {ordered}"
    )


def _labelled(view: str, label: Label) -> str:
    """The row table with its label (float64) beside its columns, so that the expression sees no other table's."""
    return f"(SELECT *, CAST(({label.expression}) AS DOUBLE) AS {_LABEL} FROM {_quoted(view)})"


def _known_at(label: Label, event_time: str, *, alias: str = "r") -> str:
    if label.known_at is not None:
        return f"{alias}.{_quoted(label.known_at)}"
    assert label.known_after is not None
    return f"{alias}.{event_time} + {_interval(label.known_after)}"


def _looked_up(name: str, lookup: Lookup, column: str, event_time: str) -> str:
    alias = _quoted(f"l_{name}")
    recent = f"r.{event_time} - {alias}._at <= {_interval(lookup.max_age)}"
    return f"CASE WHEN {recent} THEN {alias}.{_quoted(column)} END AS {_quoted(lookup_column(name, column))}"


def _asof_join(name: str, lookup: Lookup, view: str, *, at: str, event_time: str) -> str:
    alias = _quoted(f"l_{name}")
    brought = ", ".join(_quoted(column) for column in dict.fromkeys((*lookup.by, *lookup.columns)))
    equal = " AND ".join(f"r.{_quoted(column)} = {alias}.{_quoted(column)}" for column in lookup.by)
    published = f"{_quoted(at)} + {_interval(lookup.delay)}"
    return (
        f"ASOF LEFT JOIN (SELECT {brought}, {_quoted(at)} AS _at, {published} AS _published FROM {_quoted(view)}) "
        f"AS {alias} ON {equal} AND r.{event_time} >= {alias}._published"
    )


def _history(window: Window, view: str, labelled: str) -> str:
    """Each interval b beside the rows h of the partitions that its window touches.

    Partitions are matched first, so that rows meet by equality of partition: joining every row with every interval by
    range took ten times as long over a year.
    """
    starts = f"SELECT DISTINCT {INTERVAL}, CAST({INTERVAL} AS TIMESTAMPTZ) AS start FROM {_quoted(view)}"
    partitions = f"SELECT {INTERVAL}, start, lead(start) OVER (ORDER BY start) AS following FROM ({starts})"
    touched = f"p.start < b.start AND coalesce(p.following, 'infinity') > b.start - {_interval(window.over)}"
    return (
        f"{_INTERVALS} AS b JOIN ({partitions}) AS p ON {touched} JOIN {labelled} AS h ON h.{INTERVAL} = p.{INTERVAL}"
    )


def _window_join(name: str, window: Window, history: str, *, rows: Table, label: Label) -> str:
    alias = _quoted(f"w_{name}")
    event_time = _quoted(rows.event_time)
    groups = ", ".join(f"h.{_quoted(column)}" for column in window.by)
    equal = " AND ".join(f"r.{_quoted(column)} = {alias}.{_quoted(column)}" for column in window.by)
    past = f"h.{event_time} < b.start AND h.{event_time} >= b.start - {_interval(window.over)}"
    value = f"h.{_LABEL}" if window.value == "label" else f"CAST(h.{_quoted(window.value)} AS DOUBLE)"
    if window.value == "label":
        past += f" AND {_known_at(label, event_time, alias='h')} <= b.start"
    if window.aggregate in ("mean", "sum"):  # floating-point sums depend on their order: fix it, for equal bytes
        value += f" ORDER BY {', '.join(f'h.{_quoted(column)}' for column in (rows.event_time, *rows.key))}"
    return (
        f"LEFT JOIN (SELECT b.key AS _key, {groups}, CAST({window.aggregate}({value}) AS DOUBLE) AS value "
        f"FROM {history} WHERE {past} GROUP BY b.key, {groups}) AS {alias} "
        f"ON {alias}._key = r.{INTERVAL} AND {equal}"
    )


def _interval(length: timedelta) -> str:
    return f"INTERVAL '{int(length.total_seconds())} seconds'"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
