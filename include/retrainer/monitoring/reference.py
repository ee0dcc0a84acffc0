"""The reference: what a version learned from, sketched interval by interval, so that leaving one out is arithmetic."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from retrainer.columns import Columns
from retrainer.errors import ConfigurationError
from retrainer.monitoring.layout import LayoutFinder
from retrainer.monitoring.sketch import Layout, Sketch, Tally, sketch_rows
from retrainer.monitoring.watched import WatchedColumn


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of one interval, of which there may be more. `key` is that of contracts.Interval.

    `earlier`: the interval is of an earlier season, at the time of year that is to be watched. It tells how large
    differences ordinarily are, and is no part of what is compared with.
    """

    key: str
    columns: Columns
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """How strict the decision has to be for the budget of false alarms, found by simulation for these rules."""

    rules: str
    """Digest of what it was found for."""
    level: float
    """Of the false-discovery correction, 0 to 1. At 0 nothing is flagged."""
    false_alarms_per_year: float
    """How many there are at that level in the simulated years."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Sketches of the intervals `keys` (sorted). Each of `tallies` has one interval along its first axis; an interval
    in which the column is not there has no rows in it. `earlier` marks intervals of earlier seasons."""

    watched: tuple[WatchedColumn, ...]
    layouts: Mapping[str, Layout]
    keys: tuple[str, ...]
    earlier: NDArray[np.bool_]
    tallies: Mapping[str, Tally]
    levels: tuple[Level, ...] = ()

    @property
    def starts(self) -> NDArray[np.datetime64]:
        """When each interval starts, in UTC."""
        return np.array([key.rstrip("Z") for key in self.keys], dtype="datetime64[s]")

    def total(self, name: str) -> Tally:
        """All intervals together that are no earlier season's."""
        return self.tallies[name][~self.earlier].total()

    def sketch(self, batches: Iterable[Columns]) -> Sketch:
        """The sketch of an interval in this reference's cells; see `sketch_rows`."""
        return sketch_rows(self.layouts, batches)

    def with_level(self, level: Level) -> "Reference":
        """The same, with one more level."""
        others = tuple(each for each in self.levels if each.rules != level.rules)
        return replace(self, levels=(*others, level))


def build_reference(watched: tuple[WatchedColumn, ...], read: Callable[[], Iterable[Batch]], *, seed: int) -> Reference:
    """Sketch a reference in two passes over what `read` gives, a batch in memory at a time.

    `read` must give the same rows each time it is called; batches may come in any order. A watched column that no
    batch has is in the reference, without rows.

    Raises:
        BadDataError: a column of numbers holds texts.
        ConfigurationError: an interval is both of an earlier season and not.
    """
    finder = LayoutFinder(watched, seed=seed)
    for batch in read():
        if not batch.earlier:
            finder.look_at(batch.columns)
    layouts = finder.layouts()
    sketches: dict[tuple[str, bool], Sketch] = {}
    for batch in read():
        place = (batch.key, batch.earlier)
        sketches[place] = sketches.get(place, Sketch(0, {})) + sketch_rows(layouts, [batch.columns])
    order = sorted(sketches)
    keys = tuple(key for key, _ in order)
    if len(set(keys)) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ConfigurationError(f"interval {twice} is both of an earlier season and of the reference")
    return Reference(
        watched=watched,
        layouts=layouts,
        keys=keys,
        earlier=np.array([earlier for _, earlier in order], dtype=bool),
        tallies={column.name: _stacked(column.name, layouts, [sketches[each] for each in order]) for column in watched},
    )


def _stacked(name: str, layouts: Mapping[str, Layout], sketches: list[Sketch]) -> Tally:
    cells = layouts[name].cells
    none = Tally(np.zeros(cells, np.int64), np.zeros(cells), np.asarray(0.0), np.asarray(0))
    found = [sketch.tallies.get(name, none) for sketch in sketches]
    length = len(found)
    return Tally(
        np.array([each.counts for each in found], dtype=np.int64).reshape(length, cells),
        np.array([each.sums for each in found], dtype=np.float64).reshape(length, cells),
        np.array([each.squares for each in found], dtype=np.float64).reshape(length),
        np.array([each.missing for each in found], dtype=np.int64).reshape(length),
    )
