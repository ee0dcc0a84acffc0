"""How sure a performance is: its error, and when a rolling window that is looked at for ever may be called worse.

The error comes from delete-one jackknives (Efron and Tibshirani 1993, chapter 11): of groups of rows for one interval,
of whole intervals for a window, since the rows of an interval share its day. Both only ask for the metric again, so any
metric will do.

A window of some days is looked at every day. A model that is as good as promised crosses a limit of 95 % many times a
year then, and with it an error in the promise stays for as long as the version does. So the limit is rehearsed: years
of a model that keeps its promise are drawn, each with a promise as uncertain as the real one and with the error of the
window estimated as here, and the limit is set where these years have as many crossings as were declared.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit  # type: ignore[import-untyped]

Numbers = NDArray[np.float64]

Metric = Callable[[Numbers, Numbers], float]
"""Labels and outputs in, one number out: larger is better, NaN where it is undefined."""

Rows = tuple[Numbers, Numbers]
"""Labels and outputs of the same rows."""

_GROUPS = 20
_SEED = 20
_DRAWN = 400_000
"""Intervals that a rehearsal draws: a year of days a thousand times, and 0.1 s."""

_MOST_LOOKS = 10_000
"""Of a year with more looks so many are drawn, for their share of the crossings."""

_HIGHEST = 50.0
_STEPS = 40

_PERSISTENCE = 0.2
"""Correlation of an interval with the one before that is taken for ordinary: bad weather comes in spells. Of the daily
area under the curve of a model of flights 0.0 to 0.2 was measured."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The variance between intervals, and the degrees of freedom that it was estimated with."""

    variance: float
    freedom: int


@dataclass(frozen=True, slots=True)
class Looks:
    """How a window is judged: what decides how often chance alone crosses a limit.

    `window` intervals are compared with a promise that is worth `promised` intervals (0: there is none), and with a
    floor (`has_floor`). The error is estimated within the window and within the stretches of intervals before it, of
    which `earlier` has the lengths, the newest first.
    """

    window: int
    earlier: tuple[int, ...]
    promised: int
    has_floor: bool
    looks_a_year: int
    crossings_a_year: float


def bounds_of_rows(score: Metric, rows: Rows, *, confidence: float) -> tuple[float, float] | None:
    """Bounds of the metric of one interval, of its rows alone; None where it has too few, or they say too little."""
    labels, outputs = rows
    if len(labels) < 2 * _GROUPS:
        return None
    group = np.random.default_rng(_SEED).permutation(len(labels)) % _GROUPS
    value = score(labels, outputs)
    without = [score(labels[group != g], outputs[group != g]) for g in range(_GROUPS)]
    pseudo = _GROUPS * value - (_GROUPS - 1) * np.array(without)
    if not np.isfinite(pseudo).all():
        return None
    error = math.sqrt(float(np.var(pseudo, ddof=1)) / _GROUPS)
    return bounds(value, error, freedom=_GROUPS - 1, confidence=confidence)


def bounds(value: float, error: float, *, freedom: int, confidence: float) -> tuple[float, float]:
    """Student's interval."""
    reach = float(stdtrit(freedom, (1 + confidence) / 2)) * error
    return value - reach, value + reach


def pooled(score: Metric, intervals: Sequence[Rows]) -> float:
    """The metric of the rows of several intervals together."""
    return score(np.concatenate([labels for labels, _ in intervals]), np.concatenate([said for _, said in intervals]))


def spread_within(score: Metric, stretches: Sequence[Sequence[Rows]]) -> Spread | None:
    """The variance of what one interval contributes, within each of several stretches of intervals.

    A stretch is compared with itself only: that one was better than another does not make the variance larger.
    None where nothing can be said.
    """
    squares, freedom = 0.0, 0
    for stretch in stretches:
        count = len(stretch)
        if count < 2:
            continue
        value = pooled(score, stretch)
        without = [pooled(score, [*stretch[:n], *stretch[n + 1 :]]) for n in range(count)]
        pseudo = count * value - (count - 1) * np.array(without)
        if np.isfinite(pseudo).all():
            squares += float(np.var(pseudo)) * count
            freedom += count - 1
    return Spread(squares / freedom, freedom) if freedom else None


def errors_below(value: float, reference: float, error: float) -> float:
    """How many errors `value` is below `reference`; without an error, infinitely many or none."""
    if error > 0:
        return (reference - value) / error
    return math.inf if value < reference else 0.0


@lru_cache(maxsize=256)
def limit(looks: Looks) -> float:
    """How many errors below its reference a window must be, so that a model that is as good as promised, and no better
    than the floor, crosses that as often as declared: a year, on average, one crossing being a stretch of windows."""
    below = _rehearse(looks)
    years, drawn = below.shape
    allowed = looks.crossings_a_year * years * drawn / looks.looks_a_year
    low, high = 0.5, _HIGHEST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        crossed = below > middle
        begins = int(crossed[:, 0].sum()) + int((crossed[:, 1:] & ~crossed[:, :-1]).sum())
        if begins > allowed:
            low = middle
        else:
            high = middle
    return high


def _rehearse(looks: Looks) -> Numbers:
    """Errors by which each window of some years is below its references: shape (years, looks)."""
    generator = np.random.default_rng(_SEED)
    window, before = looks.window, sum(looks.earlier)
    count = min(looks.looks_a_year, _MOST_LOOKS)
    years = max(50, round(_DRAWN / count))
    drawn = _persistent(generator, years, before + window + count - 1)
    means, squares = _rolling(drawn, window)
    means, squares = means[:, before:], squares[:, before:]
    freedom = window - 1
    for length in looks.earlier:
        before -= length
        squares = squares + _rolling(drawn, length)[1][:, before : before + means.shape[1]]
        freedom += length - 1
    variance = squares / freedom
    below = np.full(means.shape, -np.inf)
    if looks.has_floor:
        below = -means / np.sqrt(variance / window)
    if looks.promised:
        error = math.sqrt((1 + _PERSISTENCE) / (1 - _PERSISTENCE) / looks.promised)
        promise = error * generator.standard_normal((years, 1))
        least = max(looks.promised - 1, 1)
        theirs = generator.chisquare(least, (years, 1)) / least / looks.promised
        below = np.maximum(below, (promise - means) / np.sqrt(variance / window + theirs))
    return below


def _persistent(generator: np.random.Generator, years: int, intervals: int) -> Numbers:
    """Values with variance 1, each of which is correlated with the one before."""
    drawn = generator.standard_normal((intervals, years))
    innovation = math.sqrt(1 - _PERSISTENCE**2)
    for number in range(1, intervals):
        drawn[number] = _PERSISTENCE * drawn[number - 1] + innovation * drawn[number]
    return np.ascontiguousarray(drawn.T)


def _rolling(drawn: Numbers, length: int) -> tuple[Numbers, Numbers]:
    """Mean, and sum of squares about it, of each `length` values in a row."""
    totals = [np.pad(np.cumsum(each, axis=1), ((0, 0), (1, 0))) for each in (drawn, drawn**2)]
    sums, squares = (total[:, length:] - total[:, :-length] for total in totals)
    return sums / length, np.maximum(squares - sums**2 / length, 0.0)
