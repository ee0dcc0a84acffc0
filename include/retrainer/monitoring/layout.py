"""The cells that each column of a reference is counted in, found in one pass in bounded memory."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from retrainer.columns import Columns
from retrainer.monitoring.sketch import LARGEST, CategoryLayout, Layout, NumberLayout, as_numbers, category_counts
from retrainer.monitoring.watched import WatchedColumn

CELLS = 100
"""Cells of numbers, about; as many different numbers have a cell each."""

SAMPLE = 50_000
"""Values of a column that its quantiles are taken from: the share below each is then right to half a per cent."""

NAMES = 200
"""Categories with a cell of their own: the most frequent ones."""

REMEMBERED = 10_000
"""Categories that are known by name."""


class LayoutFinder:
    """Looks at batches of rows of a reference; then `layouts` has the cells of each watched column.

    The cells do not depend on how the rows were cut into batches.
    """

    def __init__(self, watched: tuple[WatchedColumn, ...], *, seed: int) -> None:
        self._columns: dict[str, _Finder] = {
            column.name: _Numbers(column.name, [seed, place]) if column.kind == "number" else _Names(column.name)
            for place, column in enumerate(watched)
        }

    def look_at(self, batch: Columns) -> None:
        """Take these rows into account.

        Raises:
            BadDataError: a column of numbers holds texts.
        """
        for name, finder in self._columns.items():
            if name in batch:
                finder.look_at(batch[name])

    def layouts(self) -> Mapping[str, Layout]:
        """The cells of each watched column."""
        return {name: finder.layout() for name, finder in self._columns.items()}


class _Finder(Protocol):
    def look_at(self, values: NDArray[Any]) -> None: ...

    def layout(self) -> Layout: ...


class _Numbers:
    """A uniform sample: the values that drew the smallest random numbers."""

    def __init__(self, name: str, seed: list[int]) -> None:
        self._name = name
        self._random = np.random.default_rng(seed)
        self._drawn, self._values = np.empty(0), np.empty(0)

    def look_at(self, values: NDArray[Any]) -> None:
        numbers = as_numbers(self._name, values)
        numbers = numbers[np.abs(numbers) < LARGEST]
        drawn = self._random.random(len(numbers))
        if len(self._drawn) == SAMPLE:
            kept = drawn < self._drawn.max()
            drawn, numbers = drawn[kept], numbers[kept]
        self._drawn, self._values = np.append(self._drawn, drawn), np.append(self._values, numbers)
        if len(self._drawn) > SAMPLE:
            smallest = np.argpartition(self._drawn, SAMPLE)[:SAMPLE]
            self._drawn, self._values = self._drawn[smallest], self._values[smallest]

    def layout(self) -> NumberLayout:
        if not len(self._values):
            return NumberLayout(np.empty(0), 0.0)
        return NumberLayout(_edges(self._values), float(np.sort(self._values).mean()))


class _Names:
    def __init__(self, name: str) -> None:
        self._name = name
        self._counts: dict[str, int] = {}
        self._complete = True

    def look_at(self, values: NDArray[Any]) -> None:
        for category, count in category_counts(self._name, values).items():
            if category is None:
                continue
            if category in self._counts or len(self._counts) < REMEMBERED:
                self._counts[category] = self._counts.get(category, 0) + count
            else:
                self._complete = False

    def layout(self) -> CategoryLayout:
        frequent_first = sorted(self._counts, key=lambda category: (-self._counts[category], category))
        return CategoryLayout(tuple(frequent_first[:NAMES]), tuple(sorted(frequent_first[NAMES:])), self._complete)


def _edges(sample: NDArray[np.float64]) -> NDArray[np.float64]:
    """Between different numbers where they are few; else quantiles, and both sides of each frequent number."""
    different, counts = np.unique(sample, return_counts=True)
    if len(different) <= CELLS:
        return different[:-1] + np.diff(different) / 2
    quantiles = np.quantile(sample, np.linspace(0, 1, CELLS + 1))
    frequent = different[counts > len(sample) / CELLS]
    edges: NDArray[np.float64] = np.unique(np.concatenate([quantiles, frequent, np.nextafter(frequent, np.inf)]))
    return edges
