"""Intervals whose labels are known, as good as a test wants them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from retrainer.config.monitoring import Performance
from retrainer.contracts import Interval
from retrainer.monitoring.labelled import LabelledInterval, Promise, Yardstick

Numbers = NDArray[np.float64]
FIRST = datetime(2013, 1, 1, tzinfo=UTC)


def day(number: int) -> Interval:
    return Interval(start=FIRST + timedelta(days=number), end=FIRST + timedelta(days=number + 1))


def roc_auc(labels: Numbers, outputs: Numbers) -> float:
    """Area under the ROC curve of outputs without ties: the share of pairs in the right order."""
    positive = labels == 1
    count = int(positive.sum())
    if count in (0, len(labels)):
        return float("nan")
    ranks = np.empty(len(outputs))
    ranks[np.argsort(outputs, kind="stable")] = np.arange(1, len(outputs) + 1)
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(labels) - count)))


def mean_output(labels: Numbers, outputs: Numbers) -> float:
    """A metric by which each interval is worth what a test says."""
    return float(outputs.mean()) if len(outputs) else float("nan")


def yardstick_of(
    score: Callable[[Numbers, Numbers], float] = roc_auc, *, floor: float | None = None, **settings: object
) -> Yardstick:
    return Yardstick("roc_auc", score, Performance.model_validate(settings), 0.9, floor, 365)


def worth(value: float, number: int, *, version: int = 1, rows: int = 40) -> LabelledInterval:
    """A day that `mean_output` finds worth `value`."""
    return LabelledInterval(day(number), version, rows, rows, np.zeros(rows), np.full(rows, value))


def flights(number: int, auc: float, *, rows: int = 600, version: int = 1) -> LabelledInterval:
    """A day of a classifier whose area under the curve is about `auc`; one label in three is 1."""
    generator = np.random.default_rng([number, rows])
    labels = (generator.random(rows) < 1 / 3).astype(np.float64)
    outputs = np.sqrt(2) * ndtri(auc) * labels + generator.normal(size=rows)
    return LabelledInterval(day(number), version, rows, rows, labels, outputs)


def promise_from(values: Sequence[float], *, confidence: float = 0.9) -> Promise:
    """What a release says whose holdout had days of these values: Student's interval of their mean."""
    days = np.asarray(values, dtype=np.float64)
    blocks, mean = len(days), float(days.mean())
    reach = float(stdtrit(blocks - 1, (1 + confidence) / 2)) * float(days.std(ddof=1)) / blocks**0.5
    return Promise(mean, mean - reach, mean + reach, confidence, blocks)
