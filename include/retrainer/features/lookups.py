"""A look-up: which row of another table counts at which moment. The same SQL for training, batches and the server."""

from retrainer.config.features import Lookup
from retrainer.config.source import Table
from retrainer.features.columns import lookup_column
from retrainer.features.sql import length, listed, quoted

FROM = "_retrainer_from"
"""The moment from which on a value counts (timestamp): for a looked-up row, when it was published."""

UNTIL = "_retrainer_until"
"""The last moment at which it does (timestamp), unless a later one counts by then."""


def published_rows(lookup: Lookup, table: Table, view: str) -> str:
    """A query: the rows of the looked-up table, each with the time for which it counts.

    Columns: those to look up by, those to bring over, FROM and UNTIL. Where two rows of one event time have the
    same values to look up by, the one with the greatest key is taken.
    """
    at = quoted(table.event_time)
    columns = listed(tuple(dict.fromkeys((*lookup.by, *lookup.columns))))
    query = (
        f"SELECT {columns}, {at} + {length(lookup.delay)} AS {FROM}, {at} + {length(lookup.max_age)} AS {UNTIL} "
        f"FROM {quoted(view)}"
    )
    if set(table.key) <= {*lookup.by, table.event_time}:
        return query  # validation has seen to it that there are no such two rows
    order = ", ".join(f"{quoted(column)} DESC" for column in table.key)
    return f"{query} QUALIFY row_number() OVER (PARTITION BY {listed(lookup.by)}, {at} ORDER BY {order}) = 1"


def as_of_join(name: str, lookup: Lookup, published: str, *, event_time: str) -> str:
    """A join of the rows `r` with the latest of the rows `published` at their own event time."""
    alias = _alias(name)
    equal = " AND ".join(f"r.{quoted(column)} = {alias}.{quoted(column)}" for column in lookup.by)
    return f"ASOF LEFT JOIN ({published}) AS {alias} ON {equal} AND r.{quoted(event_time)} >= {alias}.{FROM}"


def looked_up(name: str, lookup: Lookup, *, event_time: str) -> list[str]:
    """The columns that `as_of_join` brings over, null where the row is too old, under the names of features."""
    alias = _alias(name)
    counts = f"r.{quoted(event_time)} <= {alias}.{UNTIL}"
    return [
        f"CASE WHEN {counts} THEN {alias}.{quoted(column)} END AS {quoted(lookup_column(name, column))}"
        for column in lookup.columns
    ]


def _alias(name: str) -> str:
    return quoted(f"l_{name}")
