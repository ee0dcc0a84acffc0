"""The interval of a difference on the same rows: a paired block bootstrap (Efron & Tibshirani 1993, chapter 8).

Rows of one day share weather and delays, so days are drawn with replacement, not rows, and both models are scored on
the same draw. Metrics that fall apart into sums over days (means over rows; the area under the ROC curve as counts of
ordered pairs between days) are resampled on those sums: exact, and a thousand times faster than scoring each draw.
Every other metric is scored draw by draw.

The percentile interval of two weeks of days is too narrow: it takes the spread of n days for that of infinitely many.
Its quantiles are moved out to where they give, for a mean, the width of Student's t interval (the expanded percentile
interval: Hesterberg 2015, "What Teachers Should Know About the Bootstrap"). With eight or fourteen days that alone
still promotes 6 % instead of 5 % where the differences of days have long tails, and Student's t interval on the
bootstrap's standard error does so where the metric is skewed; so each end is the outer one of the two. The page
docs/false-promotions.md shows by simulation that this keeps the declared level.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtrit  # type: ignore[import-untyped]

from retrainer.evaluation.metric import Predictions, scorer

Draws = NDArray[np.int64]
"""How often each block is drawn: shape (resamples, blocks)."""

_LEAST = float(np.finfo(np.float64).eps)
"""A probability counts as no smaller than this in the logarithm, as in scikit-learn."""

_ROW_LOSSES: dict[str, Callable[[Predictions, NDArray[np.float64]], NDArray[np.float64]]] = {
    "accuracy": lambda p, y: (p.classes == y).astype(np.float64),
    "neg_log_loss": lambda p, y: np.log(np.clip(np.where(y == 1, p.output, 1 - p.output), _LEAST, 1 - _LEAST)),
    "neg_brier_score": lambda p, y: -((p.output - y) ** 2),
    "neg_mean_absolute_error": lambda p, y: -np.abs(p.output - y),
    "neg_mean_squared_error": lambda p, y: -((p.output - y) ** 2),
}
"""Metrics that are the mean of a value a row."""


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Challenger minus reference, larger is better: values on all rows, and the interval [low, high].

    `challenger_low` and `challenger_high` bound the challenger's own value. `resampled` (float64) holds the difference
    on each draw on which it is defined.
    """

    challenger: float
    reference: float
    low: float
    high: float
    challenger_low: float
    challenger_high: float
    blocks: int
    resampled: NDArray[np.float64] = field(compare=False, repr=False)

    @property
    def difference(self) -> float:
        """Challenger minus reference on all rows."""
        return self.challenger - self.reference

    @property
    def is_finite(self) -> bool:
        """Could everything be computed?"""
        return all(map(math.isfinite, (self.challenger, self.reference, self.low, self.high)))

    def t_interval(self, tail: float) -> tuple[float, float]:
        """Student's t interval of the difference, for a `tail` that too few draws lie beyond."""
        return _t_interval(self.resampled, self.difference, blocks=self.blocks, tail=tail)


def paired_difference(
    metric: str,
    label: NDArray[np.float64],
    models: tuple[Predictions, Predictions],
    *,
    block: NDArray[np.object_],
    resamples: int,
    confidence: float,
    seed: int,
) -> PairedDifference:
    """Score challenger and reference (`models`, in this order) on the same rows, and bound the difference.

    `label` (float64) and `block` (any, such as the day) have one value a row. Draws on which the metric is undefined
    (one class only) are left out; NaN everywhere when there is none left.
    """
    names, codes = np.unique(block.astype(str), return_inverse=True)
    generator = np.random.default_rng(seed)
    draws = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    full = np.ones((1, len(names)), dtype=np.int64)
    values = [_values(metric, label, model, codes=codes, draws=np.vstack([full, draws])) for model in models]
    challenger, differences = values[0][1:], values[0][1:] - values[1][1:]
    defined = np.isfinite(differences)
    full_challenger, full_reference = float(values[0][0]), float(values[1][0])
    tail, blocks = (1 - confidence) / 2, len(names)
    low, high = _interval(differences[defined], full_challenger - full_reference, blocks=blocks, tail=tail)
    challenger_low, challenger_high = _interval(challenger[defined], full_challenger, blocks=blocks, tail=tail)
    return PairedDifference(
        challenger=full_challenger,
        reference=full_reference,
        low=low,
        high=high,
        challenger_low=challenger_low,
        challenger_high=challenger_high,
        blocks=blocks,
        resampled=differences[defined],
    )


def _interval(values: NDArray[np.float64], value: float, *, blocks: int, tail: float) -> tuple[float, float]:
    """The wider of both intervals about `value`, which is `values` on all rows; NaN without a spread to see."""
    if len(values) < 2 or blocks < 2:
        return math.nan, math.nan
    expanded = float(ndtr(math.sqrt(blocks / (blocks - 1)) * stdtrit(blocks - 1, tail)))
    low, high = np.quantile(values, [expanded, 1 - expanded])
    t_low, t_high = _t_interval(values, value, blocks=blocks, tail=tail)
    return min(float(low), t_low), max(float(high), t_high)


def _t_interval(values: NDArray[np.float64], value: float, *, blocks: int, tail: float) -> tuple[float, float]:
    if len(values) < 2 or blocks < 2:
        return math.nan, math.nan
    error = float(np.std(values, ddof=1)) * math.sqrt(blocks / (blocks - 1))
    reach = float(stdtrit(blocks - 1, 1 - tail)) * error
    return value - reach, value + reach


def _values(
    metric: str, label: NDArray[np.float64], model: Predictions, *, codes: NDArray[np.intp], draws: Draws
) -> NDArray[np.float64]:
    """The metric on each draw of blocks: shape (draws,)."""
    if metric in _ROW_LOSSES:
        return _means(_ROW_LOSSES[metric](model, label), codes, draws)
    if metric == "roc_auc":
        return _areas(label, model.output, codes, draws)
    return _scored(metric, label, model, codes=codes, draws=draws)


def _means(per_row: NDArray[np.float64], codes: NDArray[np.intp], draws: Draws) -> NDArray[np.float64]:
    sums = np.bincount(codes, weights=per_row, minlength=draws.shape[1])
    counts = np.bincount(codes, minlength=draws.shape[1])
    means: NDArray[np.float64] = (draws @ sums) / (draws @ counts)
    return means


def _areas(
    label: NDArray[np.float64], score: NDArray[np.float64], codes: NDArray[np.intp], draws: Draws
) -> NDArray[np.float64]:
    """Area under the ROC curve of each draw, from the pairs won (a tie is half) by positives of one day over negatives
    of another."""
    days = draws.shape[1]
    positive = label == 1
    won = np.zeros((days, days))
    for day in range(days):
        negatives = np.sort(score[~positive & (codes == day)])
        below = np.searchsorted(negatives, score[positive], side="left")
        not_above = np.searchsorted(negatives, score[positive], side="right")
        won[:, day] = np.bincount(codes[positive], weights=(below + not_above) / 2, minlength=days)
    positives = draws @ np.bincount(codes[positive], minlength=days)
    negatives_drawn = draws @ np.bincount(codes[~positive], minlength=days)
    pairs = (positives * negatives_drawn).astype(np.float64)
    pairs[pairs == 0] = np.nan
    areas: NDArray[np.float64] = np.einsum("ri,ij,rj->r", draws, won, draws, optimize=True) / pairs
    return areas


def _scored(
    metric: str, label: NDArray[np.float64], model: Predictions, *, codes: NDArray[np.intp], draws: Draws
) -> NDArray[np.float64]:
    score = scorer(metric)
    rows_of = [np.flatnonzero(codes == day) for day in range(draws.shape[1])]
    values = np.full(len(draws), np.nan)
    for index, draw in enumerate(draws):
        rows = np.concatenate([np.tile(rows_of[day], times) for day, times in enumerate(draw) if times])
        drawn = label[rows]
        if model.classifier and len(np.unique(drawn)) < 2:
            continue
        values[index] = score(model.take(rows), drawn)
    return values
