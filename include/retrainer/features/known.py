"""What is known for rows that are still to come: looked-up values and windows as the model server needs them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Interval
from retrainer.features.build import FeatureTables
from retrainer.features.columns import lookup_column
from retrainer.features.lookups import FROM, UNTIL, published_rows
from retrainer.features.sql import listed, quoted
from retrainer.features.windows import INTERVALS, KEY, VALUE, window_values

__all__ = ["FROM", "UNTIL", "KnownValues", "known_lookups", "known_windows"]


@dataclass(frozen=True, slots=True)
class KnownValues:
    """The values of one look-up or window. Columns of `rows`: those of `by`, FROM, UNTIL, those of `values`.

    For a row of the row table counts, of the rows with its own values of `by`, the one with the latest FROM at or
    before its event time, if that is not after UNTIL. `rows` is sorted by `by`, then FROM.
    """

    name: str
    by: tuple[str, ...]
    values: tuple[str, ...]
    rows: duckdb.DuckDBPyRelation


def known_lookups(tables: FeatureTables, config: ModelConfig, *, since: datetime) -> Iterator[KnownValues]:
    """Each look-up's rows that may count for an event at or after `since` (aware)."""
    for name, lookup in config.features.lookups.items():
        published = published_rows(lookup, config.source.tables[lookup.table], tables.views[lookup.table])
        named = {column: lookup_column(name, column) for column in lookup.columns}
        brought = ", ".join(f"{quoted(column)} AS {quoted(feature)}" for column, feature in named.items())
        query = (
            f"SELECT {listed(lookup.by)}, {FROM}, {UNTIL}, {brought} FROM ({published}) "
            f"WHERE {UNTIL} >= TIMESTAMPTZ '{since.isoformat()}' AND {_all_there(lookup.by)} "
            f"ORDER BY {listed(lookup.by)}, {FROM}"
        )
        yield KnownValues(name, lookup.by, tuple(named.values()), tables.query(query, config, intervals=()))


def known_windows(
    tables: FeatureTables, config: ModelConfig, *, intervals: Sequence[Interval]
) -> Iterator[KnownValues]:
    """Each window's values for rows whose event lies in one of `intervals`, of which the last may be still to come."""
    history = tables.history(config)
    for name, window in config.features.windows.items():
        query = (
            f'SELECT {listed(window.by, alias="v")}, i.start AS {FROM}, i."end" - INTERVAL 1 microsecond AS {UNTIL}, '
            f"v.{VALUE} AS {quoted(name)} "
            f"FROM ({window_values(window, history)}) AS v JOIN {INTERVALS} AS i ON i.key = v.{KEY} "
            f"WHERE {_all_there(window.by)} ORDER BY {listed(window.by, alias='v')}, {FROM}"
        )
        yield KnownValues(name, window.by, (name,), tables.query(query, config, intervals=intervals))


def _all_there(columns: tuple[str, ...]) -> str:
    """Null equals nothing, not even null."""
    return " AND ".join(f"{quoted(column)} IS NOT NULL" for column in columns)
