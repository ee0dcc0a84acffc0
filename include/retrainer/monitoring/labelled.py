"""What was predicted in an interval and became of it, what the release promised, and what predictions are held to."""

from dataclasses import dataclass
from datetime import datetime, time

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit  # type: ignore[import-untyped]

from retrainer.config.declaration import ModelConfig
from retrainer.config.monitoring import Performance
from retrainer.config.schedule import Schedule
from retrainer.contracts import Interval
from retrainer.monitoring.significance import Metric, Rows


@dataclass(frozen=True, slots=True, eq=False)
class LabelledInterval:
    """What one version said in one interval, and what became of it by now.

    `predictions` are counted once for each key, `labelled` are those whose label is known. `labels` (of a classifier 0
    or 1) and `outputs` have one value for each of these, or for a sample of them where they are many. `unknown_keys`
    are predictions whose key no row has; `duplicates` further predictions of the same key, which do not count.
    `version` is None where the interval has no predictions. `is_before_holdout`: the version may have learned from
    these rows, as it was asked about them later.
    """

    interval: Interval
    version: int | None
    predictions: int
    labelled: int
    labels: NDArray[np.float64]
    outputs: NDArray[np.float64]
    unknown_keys: int = 0
    duplicates: int = 0
    is_before_holdout: bool = False

    @property
    def coverage(self) -> float | None:
        """Share of the predictions whose label is known."""
        return self.labelled / self.predictions if self.predictions else None

    def is_known(self, min_coverage: float) -> bool:
        """Are enough of its labels known, and do they say how good the version is?"""
        if self.is_before_holdout or self.coverage is None:
            return False
        return self.coverage >= min_coverage and self.labelled > 0

    @property
    def rows(self) -> Rows:
        """Labels and outputs, without outputs that are no finite number."""
        finite = np.isfinite(self.outputs)
        return (self.labels, self.outputs) if finite.all() else (self.labels[finite], self.outputs[finite])


@dataclass(frozen=True, slots=True)
class Promise:
    """What the release said of a version: its value on the holdout, and the bounds of it at `confidence`."""

    value: float
    low: float
    high: float
    confidence: float
    blocks: int

    @property
    def error(self) -> float:
        """Standard error: the bounds are Student's, or wider."""
        return (self.high - self.low) / 2 / float(stdtrit(max(self.blocks - 1, 1), (1 + self.confidence) / 2))


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What predictions are measured by and held to. `floor` is None where nothing is declared."""

    metric: str
    score: Metric
    settings: Performance
    confidence: float
    floor: float | None
    intervals_a_year: int

    @property
    def highest(self) -> float:
        """No value is above this."""
        return 0.0 if self.metric.startswith("neg_") else 1.0

    def is_known(self, each: LabelledInterval) -> bool:
        """Are enough labels of the interval known?"""
        return each.is_known(self.settings.min_coverage)


def yardstick(config: ModelConfig, score: Metric) -> Yardstick:
    """By which the model is measured. `score` is its metric."""
    settings = config.monitoring.performance
    floor = settings.floor if settings.floor is not None else config.gates.min_value
    a_year = intervals_a_year(config.schedule)
    return Yardstick(config.evaluation.metric, score, settings, config.evaluation.confidence, floor, a_year)


def intervals_a_year(schedule: Schedule) -> int:
    """How many intervals a year has, at least one."""
    year = 366
    for days in (28, year):
        start = datetime.combine(schedule.start, time.min, tzinfo=schedule.zone)
        count = len(schedule.intervals(start, schedule.days_before(start, -days)))
        if count >= 20 or days == year:
            return max(1, round(count * 365.25 / days))
    raise AssertionError("unreachable")
