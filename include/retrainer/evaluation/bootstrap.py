"""The interval of a difference on the same rows: a paired block bootstrap (Efron & Tibshirani 1993, chapter 8).

Rows of one day share weather and delays, so days are drawn with replacement, not rows, and both models are scored on
the same draw. The interval is the percentile interval of the differences. Metrics that fall apart into sums over days
(means over rows; the area under the ROC curve as counts of ordered pairs between days) are resampled on those sums:
exact, and a thousand times faster than scoring each draw. Every other metric is scored draw by draw.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrainer.evaluation.metric import Predictions, scorer

Draws = NDArray[np.int64]
"""How often each block is drawn: shape (resamples, blocks)."""

_ROW_LOSSES: dict[str, Callable[[Predictions, NDArray[np.float64]], NDArray[np.float64]]] = {
    "accuracy": lambda p, y: (p.classes == y).astype(np.float64),
    "neg_brier_score": lambda p, y: -((p.output - y) ** 2),
    "neg_mean_absolute_error": lambda p, y: -np.abs(p.output - y),
    "neg_mean_squared_error": lambda p, y: -((p.output - y) ** 2),
}
"""Metrics that are the mean of a value a row."""


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Challenger minus reference, larger is better: values on all rows, and the interval [low, high]."""

    challenger: float
    reference: float
    low: float
    high: float
    blocks: int

    @property
    def difference(self) -> float:
        """Challenger minus reference on all rows."""
        return self.challenger - self.reference


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
    differences = values[0][1:] - values[1][1:]
    differences = differences[np.isfinite(differences)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(differences, [tail, 1 - tail]) if len(differences) else (np.nan, np.nan)
    return PairedDifference(float(values[0][0]), float(values[1][0]), float(low), float(high), len(names))


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
