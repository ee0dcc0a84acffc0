"""How strict the decision must be to stay within its budget of false alarms: found by playing years without drift.

The reference is played again, and a year after it, from weeks of the reference drawn at random (the moving block
bootstrap: Kuensch 1989), of all columns together, so that days resemble their neighbours and columns each other. The
year to come has weeks that ten weeks of reference have not shown: so the mean of each week is stretched, as if drawn
from a Student's t distribution. The whole procedure is repeated on each: estimation on the played reference, p-values,
the correction over all tests of an interval (Benjamini & Hochberg 1995), minimum effects, K of N. What remains is the
level of the correction, and the largest one within the budget is taken.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrainer.config.monitoring import Drift
from retrainer.contracts.base import digest_json
from retrainer.monitoring.null import Null, Values, fit, null_of
from retrainer.monitoring.reference import Level, Reference

YEARS = 240
"""Simulated years. One episode a year is then known to 6 %."""

_YEARS_AT_ONCE = 40
_INTERVALS = 365
"""Intervals that are simulated of a year; with more of them in a year, episodes are counted up."""

_FREEDOM = 4.0
"""Degrees of freedom of the t distribution that weeks are stretched to."""

_LEVELS = np.geomspace(1e-8, 0.005, 100)
"""Levels that are tried. None is laxer than the last, for the reference has not shown every kind of week."""


@dataclass(frozen=True, slots=True)
class _Rules:
    """What a played year is judged by: for each test its column and the least logarithm that may be flagged."""

    column: NDArray[np.int64]
    least: Values
    confirm: int
    of: int


def calibrated(reference: Reference, drift: Drift, *, intervals_per_year: int, seed: int) -> Reference:
    """The reference with the level for these rules. One that has it already is given back as it is.

    Takes a few seconds, once for each version and change of rules: keep the result.
    """
    rules = rules_digest(drift, intervals_per_year)
    if any(level.rules == rules for level in reference.levels):
        return reference
    null = null_of(reference, rows=0, min_rows=drift.min_rows, seed=seed)
    if not null.tests:
        return reference.with_level(Level(rules, 0.0, 0.0))
    counts = _episodes(null, _rules(null, drift), seed=seed)
    rates = counts * max(intervals_per_year, 1) / _INTERVALS
    within = np.flatnonzero(np.logical_and.accumulate(rates <= drift.false_alarms_per_year))
    if not len(within):
        return reference.with_level(Level(rules, 0.0, 0.0))
    place = within[-1]
    return reference.with_level(Level(rules, float(_LEVELS[place]), float(rates[place])))


def rules_digest(drift: Drift, intervals_per_year: int) -> str:
    """Of everything that a level depends on, the reference apart."""
    rules = drift.model_dump(mode="json", exclude={"ignore"})
    return digest_json({"drift": rules, "intervals_per_year": intervals_per_year, "years": YEARS})


def adjusted(p_values: Values) -> Values:
    """Benjamini and Hochberg's adjusted p-values along the last axis; NaN is no test."""
    known = np.isfinite(p_values)
    tests = known.sum(axis=-1, keepdims=True)
    order = np.argsort(np.where(known, p_values, 2), axis=-1)
    ordered = np.take_along_axis(np.where(known, p_values, 2), order, axis=-1)
    ratio = ordered * tests / np.arange(1, p_values.shape[-1] + 1)
    smallest = np.minimum.accumulate(ratio[..., ::-1], axis=-1)[..., ::-1]
    found = np.empty_like(p_values)
    np.put_along_axis(found, order, np.minimum(smallest, 1), axis=-1)
    return np.where(known, found, np.nan)


def _rules(null: Null, drift: Drift) -> _Rules:
    columns = list(dict.fromkeys(name for name, _ in null.tests))
    least = np.array([least_effect(drift, measure) for _, measure in null.tests])
    return _Rules(
        column=np.array([columns.index(name) for name, _ in null.tests]),
        least=null.tails.logs(least),
        confirm=drift.confirm.intervals,
        of=drift.confirm.of,
    )


def least_effect(drift: Drift, measure: str) -> float:
    """The effect below which nothing is flagged."""
    least = {"shift": drift.min_shift, "divergence": drift.min_divergence}
    least |= {"missing": drift.min_missing, "unseen": drift.min_unseen}
    return float(least[measure])


def _episodes(null: Null, rules: _Rules, *, seed: int) -> Values:
    """Mean number of episodes in a played year, for each of _LEVELS."""
    random = np.random.default_rng(seed)
    total = np.zeros(len(_LEVELS))
    for _ in range(YEARS // _YEARS_AT_ONCE):
        total += _counted(_needed_levels(_played(null, random), null, rules))
    return total / YEARS


def _played(null: Null, random: np.random.Generator) -> Values:
    """Logarithms of effects: shape (years, intervals of the reference and then of the year, tests)."""
    tails, block = null.tails, null.block
    blocks = -(-(len(null.logs) + _INTERVALS) // block)
    played = np.empty((_YEARS_AT_ONCE, blocks, block, len(null.tests)))
    for tests, known in _together(null):
        standard = ((null.logs - tails.center) / tails.spread)[np.ix_(known, tests)]
        starts = random.integers(0, max(1, len(known) - block + 1), size=(_YEARS_AT_ONCE, blocks))
        drawn = standard[(starts[..., None] + np.arange(block)) % len(known)]
        mean = drawn.mean(axis=2, keepdims=True)
        stretch = np.sqrt(_FREEDOM / random.chisquare(_FREEDOM, size=mean.shape))
        played[..., tests] = drawn + mean * (stretch - 1)
    logs: Values = tails.center + tails.spread * played.reshape(_YEARS_AT_ONCE, blocks * block, -1)
    return logs


def _together(null: Null) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Tests that have values in the same intervals of the reference, and those intervals."""
    patterns, which = np.unique(np.isfinite(null.logs), axis=1, return_inverse=True)
    for place, pattern in enumerate(patterns.T):
        yield np.flatnonzero(which.ravel() == place), np.flatnonzero(pattern)


def _needed_levels(played: Values, null: Null, rules: _Rules) -> Values:
    """The level from which on a column is confirmed in each interval of each year: shape (years, intervals)."""
    length = len(null.logs)
    history = np.where(np.isfinite(null.logs), played[:, :length], np.nan)
    tails = fit(history, offset=null.tails.offset, floor=null.tails.floor, block=null.block).over_intervals()
    year = played[:, length : length + _INTERVALS]
    needed = adjusted(tails.p_values(year))
    needed[(year < rules.least) | (year <= tails.largest)] = 2
    columns = np.stack(
        [needed[..., rules.column == column].min(axis=-1) for column in range(rules.column.max() + 1)], axis=-1
    )
    windows = np.lib.stride_tricks.sliding_window_view(columns, rules.of, axis=1)
    confirmed: Values = np.partition(windows, rules.confirm - 1, axis=-1)[..., rules.confirm - 1].min(axis=-1)
    return confirmed


def _counted(needed: Values) -> Values:
    """Episodes of all years at each of _LEVELS: how often an interval is confirmed and the one before is not."""
    confirmed = needed[None] <= _LEVELS[:, None, None]
    begins = confirmed.copy()
    begins[..., 1:] &= ~confirmed[..., :-1]
    episodes: Values = begins.sum(axis=(1, 2)).astype(np.float64)
    return episodes
