"""What differences are ordinary: the null distribution of each effect, made from the reference itself.

Each interval of the reference is compared with the others, thinned to as many rows as the interval in question has. So
the null contains sampling noise at that size, and days and weeks that differ. Its neighbours are left out with an
interval (Burman, Chow & Nolan 1994), for they resemble it more than a later interval can. Intervals of earlier seasons
are compared with the whole reference.

Two months of days have no tail to read a p-value from. So the logarithm of the effect plus an offset is taken for
normal; the offset is the one that leaves least skew. Its predictive distribution for one more interval is Student's t.
Successive intervals resemble each other, by the day and by the week, so n of them are worth fewer independent ones: as
many as would give their mean the variance that means of a week show (Carlstein 1986).
"""

from collections.abc import Container
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit  # type: ignore[import-untyped]

from retrainer.monitoring.effects import effects, scale_of
from retrainer.monitoring.reference import Reference
from retrainer.monitoring.sketch import Tally
from retrainer.monitoring.watched import WatchedColumn

Values = NDArray[np.float64]
Scalar = TypeVar("Scalar", np.int64, np.float64)

MIN_INTERVALS = 14
"""Intervals that a column's reference must have before anything is said of it."""

RESOLUTION = {"shift": 0.01, "divergence": 0.01, "missing": 0.001, "unseen": 0.001}
"""Effects that differ by less are the same. Where the reference never varies, this is what variation is taken for."""

_OFFSETS = (0.0, 1.0, 4.0, 16.0)
"""Candidates for the offset, in mean effects: from the logarithm to nearly the effect itself."""

_LEAST_EFFECTIVE = 4.0
_WEEK_SECONDS = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Tails:
    """Student's t distributions of the log of effect + offset, along the last axis."""

    offset: Values
    center: Values
    spread: Values
    effective: Values
    """How many independent intervals the reference is worth."""
    largest: Values
    """The largest logarithm in the reference."""
    floor: Values
    """The least that spread is taken for."""

    def over_intervals(self) -> "Tails":
        """The same with an axis for intervals before the last."""
        center, spread, effective, largest = (
            each[..., None, :] for each in (self.center, self.spread, self.effective, self.largest)
        )
        return Tails(self.offset, center, spread, effective, largest, self.floor)

    def logs(self, effect: Values) -> Values:
        """The scale on which effects are normal."""
        logs: Values = np.log(np.abs(effect) + self.offset)
        return logs

    def p_values(self, logs: Values) -> Values:
        """Chance of at least so large an effect in one more interval without drift."""
        wide = self.spread * np.sqrt(1 + 1 / self.effective)
        chance: Values = stdtr(self.effective - 1, (self.center - logs) / wide)
        return chance

    def quantile(self, share: float) -> Values:
        """The effect below which this share of ordinary intervals lies."""
        wide = self.spread * np.sqrt(1 + 1 / self.effective)
        effect: Values = np.exp(self.center + stdtrit(self.effective - 1, share) * wide) - self.offset
        return np.maximum(effect, 0)


@dataclass(frozen=True, eq=False)
class Null:
    """The null of every column and measure (`tests`), at one number of rows."""

    tests: tuple[tuple[str, str], ...]
    logs: Values
    """Shape (intervals of the reference, tests); NaN where the column has no values."""
    block: int
    """Successive intervals that go together: a week."""
    tails: Tails


@lru_cache(maxsize=32)
def null_of(reference: Reference, *, rows: int, min_rows: int, seed: int) -> Null:
    """The null for intervals of so many rows; `rows` 0 takes the reference's intervals as they are.

    Intervals of the reference with fewer than `min_rows` are left out, and columns with fewer than MIN_INTERVALS.
    """
    found: dict[tuple[str, str], Values] = {}
    for place, column in enumerate(reference.watched):
        random = np.random.default_rng([seed, place])
        for measure, values in _own_effects(reference, column, rows=rows, min_rows=min_rows, random=random).items():
            if np.isfinite(values).sum() >= MIN_INTERVALS:
                found[column.name, measure] = np.abs(values)
    shape = (len(reference.keys), len(found))
    own = np.stack(list(found.values()), axis=-1) if found else np.empty(shape)
    offset = _offsets(own, np.array([RESOLUTION[measure] for _, measure in found]))
    logs, block = np.log(own + offset), _block(reference)
    floor = 0.25 * np.array([RESOLUTION[measure] for _, measure in found]) / (np.nanmean(own, axis=0) + offset)
    return Null(tuple(found), logs, block, fit(logs, offset=offset, floor=floor, block=block))


def rounded_rows(rows: int) -> int:
    """`rows` rounded down to a grid whose steps are a quarter, so that intervals of about one size share a null."""
    return int(1.25 ** np.floor(np.log(rows) / np.log(1.25) + 1e-9)) if rows > 0 else 0


def fit(logs: Values, *, offset: Values, floor: Values, block: int) -> Tails:
    """Student's t distributions of `logs`: intervals are the last axis but one, NaN where there is none."""
    known = np.isfinite(logs)
    count = np.maximum(known.sum(axis=-2), 1).astype(np.float64)
    center = np.where(known, logs, 0).sum(axis=-2) / count
    distance = np.where(known, logs - center[..., None, :], 0)
    squares = (distance**2).sum(axis=-2)
    of_blocks = _variance_of_means(distance, known, block)
    varies = squares > count * floor**2
    independent = (count / block - 1) * squares / count / np.maximum(of_blocks, 1e-300)
    effective = np.where(varies, np.clip(independent, np.minimum(_LEAST_EFFECTIVE, count), count), count)
    spread = np.maximum(np.sqrt(squares / (count - count / effective)), floor)
    return Tails(offset, center, spread, effective, np.where(known, logs, -np.inf).max(axis=-2, initial=-np.inf), floor)


def _variance_of_means(distance: Values, known: NDArray[np.bool_], block: int) -> Values:
    """Of the means of every `block` successive intervals; 1e300 where there are none."""
    sums, whole = (_moving_sum(each, block) for each in (distance, known.astype(np.float64)))
    full = whole > block - 0.5
    variance: Values = np.where(full, (sums / block) ** 2, 0).sum(axis=-2) / np.maximum(full.sum(axis=-2), 1)
    return np.where(full.any(axis=-2), variance, 1e300)


def _moving_sum(values: Values, length: int) -> Values:
    start = np.zeros_like(values[..., :1, :])
    along = np.concatenate([start, np.cumsum(values, axis=-2)], axis=-2)
    moving: Values = along[..., length:, :] - along[..., :-length, :]
    return moving


def _own_effects(
    reference: Reference, column: WatchedColumn, *, rows: int, min_rows: int, random: np.random.Generator
) -> dict[str, Values]:
    """The effects of each interval of the reference: NaN for those that are left out."""
    layout, tally = reference.layouts[column.name], reference.tallies[column.name]
    size = tally.rows if column.about == "feature" else tally.values
    places = np.flatnonzero(size >= min_rows)
    ordinary = places[~reference.earlier[places]]
    if not len(ordinary):
        return {}
    total = tally[ordinary].total()
    scale = scale_of(layout, total)
    rest = _rest(tally[ordinary], total, _block(reference))
    thinned = _thinned(tally, size, rows, random)
    earlier = places[reference.earlier[places]]
    found = effects(layout, rest, thinned[ordinary], scale=scale)
    before = effects(layout, total, thinned[earlier], scale=scale)
    own = {name: np.full(len(size), np.nan) for name in measured(column, found)}
    for name, values in own.items():
        values[ordinary], values[earlier] = found[name], before[name]
    return own


def measured(column: WatchedColumn, measures: Container[str]) -> tuple[str, ...]:
    """Which of the measures are judged: a prediction, or a label, that is missing is only not known."""
    return tuple(name for name in RESOLUTION if name in measures and (column.about == "feature" or name != "missing"))


def _rest(intervals: Tally, total: Tally, block: int) -> Tally:
    """For each interval all others but its neighbours: half a week on either side."""
    reach = min(block // 2, len(intervals.missing) // 7)
    near = Tally(
        _around(intervals.counts, reach),
        _around(intervals.sums, reach),
        _around(intervals.squares, reach),
        _around(intervals.missing, reach),
    )
    return total - near


def _around(values: NDArray[Scalar], reach: int) -> NDArray[Scalar]:
    """Sums along the first axis over each place and `reach` of them on either side."""
    along = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values, axis=0, dtype=values.dtype)])
    place = np.arange(len(values))
    sums: NDArray[Scalar] = along[np.minimum(place + reach + 1, len(values))] - along[np.maximum(place - reach, 0)]
    return sums


def _thinned(tally: Tally, size: NDArray[np.int64], rows: int, random: np.random.Generator) -> Tally:
    """Each interval with about `rows` of its rows, drawn without replacement. Smaller ones, and for 0 all, stay."""
    if not rows or (size <= rows).all():
        return tally
    share = np.minimum(1.0, rows / np.maximum(size, 1))
    counts = random.binomial(tally.counts, share[:, None])
    sums = tally.sums * counts / np.maximum(tally.counts, 1)
    return Tally(counts, sums, tally.squares, random.binomial(tally.missing, share))


def _block(reference: Reference) -> int:
    """How many intervals make a week; fewer where the reference would have fewer than five of them."""
    if len(reference.keys) < 2:
        return 1
    gap = float(np.median(np.diff(reference.starts).astype(np.int64)))
    return int(np.clip(round(_WEEK_SECONDS / gap), 1, max(2, len(reference.keys) // 5)))


def _offsets(own: Values, resolution: Values) -> Values:
    """For each test the candidate that leaves the logarithms least skewed."""
    mean = np.nanmean(own, axis=0) if own.size else np.empty(own.shape[-1])
    candidates = np.array([resolution + times * mean for times in _OFFSETS])
    logs = np.log(own + candidates[:, None, :])
    distance = logs - np.nanmean(logs, axis=1, keepdims=True)
    spread = np.sqrt(np.nanmean(distance**2, axis=1))
    skew = np.nanmean(distance**3, axis=1) / np.maximum(spread, 1e-12) ** 3
    best = np.argmin(np.abs(skew), axis=0)
    offset: Values = np.take_along_axis(candidates, best[None], axis=0)[0]
    return offset
