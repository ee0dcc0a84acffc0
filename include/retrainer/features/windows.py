"""A window: an aggregate of the rows before an interval. The same SQL for training, batches and the server."""

from dataclasses import dataclass

from retrainer.config.features import Window
from retrainer.config.source import Label, Table
from retrainer.contracts.columns import INTERVAL
from retrainer.contracts.columns import LABEL as LABEL_FEATURE
from retrainer.features.sql import length, listed, quoted

INTERVALS = "_intervals"
"""View of the intervals that values are wanted for: `key`, `start` and `end`."""

KEY, VALUE = "_key", "value"

LABEL = "_retrainer_label"
"""The label of a row of `labelled`."""


@dataclass(frozen=True, slots=True)
class History:
    """The row table that windows aggregate: its view, what is declared of it, its label, the columns that only that
    needs."""

    view: str
    table: Table
    label: Label
    label_columns: frozenset[str]

    def labelled(self) -> str:
        """A query: the rows with their label (float64) beside their columns, so that the expression sees no other's."""
        return f"SELECT *, CAST(({self.label.expression}) AS DOUBLE) AS {LABEL} FROM {quoted(self.view)}"

    def known_at(self, alias: str) -> str:
        """When the label of a row of `alias` becomes known."""
        if self.label.known_at is not None:
            return f"{alias}.{quoted(self.label.known_at)}"
        assert self.label.known_after is not None
        return f"{alias}.{quoted(self.table.event_time)} + {length(self.label.known_after)}"


def window_values(window: Window, history: History) -> str:
    """A query: the value for each of INTERVALS and each group that has rows in the window before it.

    Columns: `_key` of the interval, those to group by, `value` (float64).
    """
    at = quoted(history.table.event_time)
    groups = listed(window.by, alias="h")
    past = f"h.{at} < b.start AND h.{at} >= b.start - {length(window.over)}"
    value = f"h.{LABEL}" if window.value == LABEL_FEATURE else f"CAST(h.{quoted(window.value)} AS DOUBLE)"
    if window.value == LABEL_FEATURE or window.value in history.label_columns:
        past += f" AND {history.known_at('h')} <= b.start"
    if window.aggregate in ("mean", "sum"):  # floating-point sums depend on their order: fix it, for equal bytes
        value += f" ORDER BY {listed((history.table.event_time, *history.table.key), alias='h')}"
    return (
        f"SELECT b.key AS {KEY}, {groups}, CAST({window.aggregate}({value}) AS DOUBLE) AS {VALUE} "
        f"FROM {_touched(window, history)} WHERE {past} GROUP BY b.key, {groups}"
    )


def window_join(name: str, window: Window, values: str) -> str:
    """A join of the rows `r` with the `values` of their interval and group."""
    alias = _alias(name)
    equal = " AND ".join(f"r.{quoted(column)} = {alias}.{quoted(column)}" for column in window.by)
    return f"LEFT JOIN ({values}) AS {alias} ON {alias}.{KEY} = r.{INTERVAL} AND {equal}"


def window_column(name: str) -> str:
    """The column that `window_join` brings, under the name of the feature."""
    return f"{_alias(name)}.{VALUE} AS {quoted(name)}"


def _touched(window: Window, history: History) -> str:
    """Each interval b beside the rows h of the partitions that its window touches.

    Partitions are matched first, so that rows meet by equality of partition: joining every row with every interval by
    range took ten times as long over a year.
    """
    starts = f"SELECT DISTINCT {INTERVAL}, CAST({INTERVAL} AS TIMESTAMPTZ) AS start FROM {quoted(history.view)}"
    partitions = f"SELECT {INTERVAL}, start, lead(start) OVER (ORDER BY start) AS following FROM ({starts})"
    touched = f"p.start < b.start AND coalesce(p.following, 'infinity') > b.start - {length(window.over)}"
    return (
        f"{INTERVALS} AS b JOIN ({partitions}) AS p ON {touched} "
        f"JOIN ({history.labelled()}) AS h ON h.{INTERVAL} = p.{INTERVAL}"
    )


def _alias(name: str) -> str:
    return quoted(f"w_{name}")
