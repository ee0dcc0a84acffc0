"""One definition of the features for training, batch scoring and the server.

Everything is one DuckDB query over views of the snapshot's tables. A looked-up row counts only once it was published
(event time + delay) at or before the row's own event time (ASOF JOIN), and not when it is older than max_age. A window
aggregates rows whose event lies in [start - over, start) of the row's interval, and labels only if they were known at
its start. So no value can be later than the prediction time of its row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Interval
from retrainer.contracts.columns import INTERVAL, KNOWN_AT, LABEL, TIME
from retrainer.errors import ConfigurationError
from retrainer.features import windows
from retrainer.features.lookups import as_of_join, looked_up, published_rows
from retrainer.features.sql import listed, quoted
from retrainer.features.windows import INTERVALS, History, window_column, window_join, window_values


@dataclass(frozen=True, slots=True)
class FeatureTables:
    """An open connection and the name of the view of each source table in it.

    A view has the table's declared columns and `_interval`. The row table must reach back before the first interval
    by the longest window, a looked-up table by its max_age and delay; what is missing there counts as not known.
    """

    connection: duckdb.DuckDBPyConnection
    views: Mapping[str, str]

    def history(self, config: ModelConfig) -> History:
        """The row table."""
        source = config.source
        return History(self.views[source.rows], source.tables[source.rows], source.label, config.label_columns)

    def query(self, query: str, config: ModelConfig, *, intervals: Sequence[Interval]) -> duckdb.DuckDBPyRelation:
        """The result of a query that may use INTERVALS, which are `intervals`.

        Raises:
            ConfigurationError: DuckDB refuses the query, such as for a label expression that is not SQL.
        """
        self.connection.register(INTERVALS, _intervals_table(intervals))
        try:
            return self.connection.sql(query)
        except (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException) as error:
            raise ConfigurationError(
                f"features of model {config.name!r} cannot be built: {str(error).splitlines()[0]}"
            ) from error


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
    return tables.query(_query(tables, config), config, intervals=intervals)


def _intervals_table(intervals: Sequence[Interval]) -> pa.Table:
    moment = pa.timestamp("us", tz="UTC")
    return pa.table(
        {
            "key": pa.array([interval.key for interval in intervals], pa.string()),
            "start": pa.array([interval.start for interval in intervals], moment),
            "end": pa.array([interval.end for interval in intervals], moment),
        }
    )


def _query(tables: FeatureTables, config: ModelConfig) -> str:
    history = tables.history(config)
    key, event_time = history.table.key, history.table.event_time
    inputs = tuple(column for column in config.features.inputs if column not in key)
    columns = [f"r.{INTERVAL}", listed((*key, *inputs), alias="r"), f"r.{quoted(event_time)} AS {TIME}"]
    joins: list[str] = []
    for name, lookup in config.features.lookups.items():
        published = published_rows(lookup, config.source.tables[lookup.table], tables.views[lookup.table])
        columns += looked_up(name, lookup, event_time=event_time)
        joins.append(as_of_join(name, lookup, published, event_time=event_time))
    for name, window in config.features.windows.items():
        columns.append(window_column(name))
        joins.append(window_join(name, window, window_values(window, history)))
    columns += [f"r.{windows.LABEL} AS {LABEL}", f"{history.known_at('r')} AS {KNOWN_AT}"]
    return (
        f"SELECT {', '.join(columns)} FROM ({history.labelled()}) AS r "
        f"JOIN {INTERVALS} AS i ON i.key = r.{INTERVAL} {' '.join(joins)} "
        f"ORDER BY r.{INTERVAL}, {listed((event_time, *key), alias='r')}"
    )
