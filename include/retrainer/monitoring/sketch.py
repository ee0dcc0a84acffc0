"""A sketch: fixed-size histograms of some rows. It is made in one pass over batches, and sketches add up.

Numbers fall into about a hundred cells cut at quantiles of the reference, with open ends; beside its count a cell keeps
the sum of its values, so that a distance sees how far beyond the reference they lie. Categories have a cell each, one
for known rare ones together, and one for those that the reference does not have. Missing values are counted apart, and
an infinite number is a missing one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from retrainer.columns import Columns, number_of_rows
from retrainer.errors import BadDataError

LARGEST = 1e100
"""A number beyond this counts as infinite: squares of larger ones could not be added up."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of one column, over any leading axes: `counts` and `sums` have the cells as their last axis.

    `sums` (numbers only, else 0) and `squares` are of the distance to the layout's center.
    """

    counts: NDArray[np.int64]
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]
    missing: NDArray[np.int64]

    @property
    def values(self) -> NDArray[np.int64]:
        """How many are not missing."""
        total: NDArray[np.int64] = self.counts.sum(axis=-1)
        return total

    @property
    def rows(self) -> NDArray[np.int64]:
        """How many there are, missing ones too."""
        return self.values + self.missing

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.counts + other.counts,
            self.sums + other.sums,
            self.squares + other.squares,
            self.missing + other.missing,
        )

    def __sub__(self, other: "Tally") -> "Tally":
        return Tally(
            self.counts - other.counts,
            self.sums - other.sums,
            self.squares - other.squares,
            self.missing - other.missing,
        )

    def __getitem__(self, blocks: Any) -> "Tally":
        """Those of the first axis."""
        return Tally(self.counts[blocks], self.sums[blocks], self.squares[blocks], self.missing[blocks])

    def total(self) -> "Tally":
        """All of the first axis together."""
        return Tally(*(each.sum(axis=0) for each in (self.counts, self.sums, self.squares, self.missing)))


@dataclass(frozen=True, slots=True)
class NumberLayout:
    """Cells of numbers: below the first of `edges` (sorted), from each to the next, and from the last on."""

    edges: NDArray[np.float64]
    center: float

    @property
    def cells(self) -> int:
        return len(self.edges) + 1

    def tally(self, name: str, values: NDArray[Any]) -> Tally:
        """Count `values`: numbers, booleans, or all None.

        Raises:
            BadDataError: they are something else.
        """
        numbers = np.sort(as_numbers(name, values))  # sorting first is ten times faster than a search for each value
        first, last = np.searchsorted(numbers, (-LARGEST, LARGEST))
        known = numbers[first:last]
        cuts = np.searchsorted(known, self.edges)
        counts = np.diff(cuts, prepend=0, append=len(known))
        distance = known - self.center
        sums = np.add.reduceat(np.append(distance, 0.0), np.insert(cuts, 0, 0))
        return Tally(
            counts=counts,
            sums=np.where(counts > 0, sums, 0.0),
            squares=np.asarray(np.dot(distance, distance)),
            missing=np.asarray(len(numbers) - len(known)),
        )


@dataclass(frozen=True, slots=True)
class CategoryLayout:
    """Cells of categories: one for each of `names`, one for all of `pooled`, one for what is neither.

    `complete` is false where the reference has more categories than can be remembered: what is not remembered then
    counts as pooled, and nothing as unseen.
    """

    names: tuple[str, ...]
    pooled: tuple[str, ...]
    complete: bool
    _cell: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rest = dict.fromkeys(self.pooled, len(self.names))
        object.__setattr__(self, "_cell", rest | {name: place for place, name in enumerate(self.names)})

    @property
    def cells(self) -> int:
        return len(self.names) + 2

    def tally(self, name: str, values: NDArray[Any]) -> Tally:
        """Count `values`: texts, None, or numbers, which are taken for their text.

        Raises:
            BadDataError: they are something else.
        """
        unknown = self.cells - 1 if self.complete else self.cells - 2
        counts = np.zeros(self.cells, dtype=np.int64)
        missing = 0
        for category, count in category_counts(name, values).items():
            if category is None:
                missing = count
            else:
                counts[self._cell.get(category, unknown)] += count
        return Tally(counts, np.zeros(self.cells), np.asarray(0.0), np.asarray(missing))


Layout = NumberLayout | CategoryLayout


@dataclass(frozen=True, slots=True)
class Sketch:
    """Some rows: how many, and a tally of each watched column that they have."""

    rows: int
    tallies: Mapping[str, Tally]

    def __add__(self, other: "Sketch") -> "Sketch":
        names = dict.fromkeys((*self.tallies, *other.tallies))
        both = (self.tallies, other.tallies)
        return Sketch(
            self.rows + other.rows,
            {name: reduce(Tally.__add__, (each[name] for each in both if name in each)) for name in names},
        )


def sketch_rows(layouts: Mapping[str, Layout], batches: Iterable[Columns]) -> Sketch:
    """The sketch of all rows of `batches`, one batch in memory at a time; columns without a layout are left out.

    Raises:
        BadDataError: a column of numbers holds texts.
    """
    return sum((_sketch(layouts, batch) for batch in batches), start=Sketch(0, {}))


def _sketch(layouts: Mapping[str, Layout], batch: Columns) -> Sketch:
    tallies = {name: layout.tally(name, batch[name]) for name, layout in layouts.items() if name in batch}
    return Sketch(number_of_rows(batch), tallies)


def as_numbers(name: str, values: NDArray[Any]) -> NDArray[np.float64]:
    """`values` as float64, NaN where missing.

    Raises:
        BadDataError: they are not numbers, booleans, or all None.
    """
    if values.dtype.kind in "fiub":
        return values.astype(np.float64, copy=False)
    if values.dtype.kind == "O" and all(value is None for value in values):
        return np.full(len(values), np.nan)
    raise BadDataError(f"column {name!r} must hold numbers, got an array of type {values.dtype}")


def category_counts(name: str, values: NDArray[Any]) -> dict[str | None, int]:
    """How often each category is there; None counts the missing. A number is its shortest text: 1.0 is "1".

    Raises:
        BadDataError: they are not texts, numbers or booleans.
    """
    try:
        if values.dtype.kind in "fiub":
            array = pa.array(values.astype(np.float64, copy=False), from_pandas=True)
        else:
            array = pa.array(values, pa.large_string(), from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise BadDataError(f"column {name!r} must hold texts, numbers or booleans: {error}") from error
    counted = array.value_counts()
    found = zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
    return {f"{value:.15g}" if isinstance(value, float) else value: count for value, count in found}
