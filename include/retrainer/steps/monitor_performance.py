"""How good the predictions of past intervals were, on the labels that are known by now: all measurements of it."""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Decision, Entry, Interval
from retrainer.contracts.monitoring import Measurement
from retrainer.evaluation import Predictions
from retrainer.evaluation.metric import scorer
from retrainer.monitoring.business import measure_business, measure_business_window
from retrainer.monitoring.labelled import LabelledInterval, Promise, Yardstick, yardstick
from retrainer.monitoring.performance import known_window, measure_performance
from retrainer.monitoring.significance import Metric
from retrainer.snapshots import connect
from retrainer.steps.compare import DECISION
from retrainer.steps.monitor_labels import MEMORY_MB, LabelledRows


@dataclass(frozen=True, slots=True)
class LabelledPast:
    """What is known of past intervals, in order, and what follows from it about performance and business."""

    intervals: tuple[LabelledInterval, ...]
    measurements: tuple[Measurement, ...]


def measure_past(
    config: ModelConfig, data_uri: str, intervals: Sequence[Interval], *, as_of: datetime, entries: Sequence[Entry]
) -> LabelledPast:
    """Read what was predicted in `intervals` with the labels known at `as_of` (aware), and measure it.

    `entries` are the ledger's, which say what each version promised. Measured again with the same labels, the result is
    the same.

    Raises:
        ConfigurationError: a business expression is none that DuckDB understands.
    """
    by = yardstick(config, metric_of(config))
    found: list[LabelledInterval] = []
    business: list[Measurement] = []
    with connect(memory_mb=MEMORY_MB) as connection:
        rows = LabelledRows(config, data_uri, connection, as_of=as_of)
        for interval in intervals:
            labelled = [_judged_by_holdout(one, entries) for one in rows.read(interval)]
            found += labelled
            business += [each for one in labelled for each in _business(one, rows, by)]
        business += _business_windows(found, rows, by)
    versions = {each.version for each in found if each.version is not None}
    promised = {version: promise_of(entries, version, metric=config.evaluation.metric) for version in versions}
    promises = {version: promise for version, promise in promised.items() if promise is not None}
    return LabelledPast(tuple(found), (*measure_performance(found, by, promises), *business))


def metric_of(config: ModelConfig) -> Metric:
    """The declared metric as a function of labels and outputs; NaN where it is undefined."""
    score, is_classifier = scorer(config.evaluation.metric), config.estimator.is_classifier

    def of_outputs(labels: NDArray[np.float64], outputs: NDArray[np.float64]) -> float:
        classes = (outputs > 0.5).astype(np.float64) if is_classifier else outputs
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NaN says it: labels of one class, for one
            return score(Predictions(outputs, classes, is_classifier), labels)

    return of_outputs


def promise_of(entries: Sequence[Entry], version: int, *, metric: str) -> Promise | None:
    """What the last promotion of `version` said it was worth on the holdout, by that metric; None where it did not."""
    for decision in _promotions(entries, version):
        value, low, high = decision.challenger_value, decision.challenger_low, decision.challenger_high
        if decision.metric == metric and value is not None and low is not None and high is not None:
            return Promise(value, low, high, decision.confidence, decision.blocks)
    return None


def _judged_by_holdout(each: LabelledInterval, entries: Sequence[Entry]) -> LabelledInterval:
    """Marked where the version was asked about rows that are older than those it was judged on."""
    decisions = _promotions(entries, each.version) if each.version is not None else ()
    starts = [decision.holdout.start for decision in decisions if decision.holdout is not None]
    return replace(each, is_before_holdout=bool(starts) and each.interval.start < max(starts))


def _promotions(entries: Sequence[Entry], version: int) -> Iterator[Decision]:
    """The decisions by which `version` was promoted, the last first."""
    for entry in reversed(entries):
        if entry.version == version and entry.action == "promote" and DECISION in entry.evidence:
            with contextlib.suppress(ValidationError):  # of another version of this software
                yield Decision.model_validate(entry.evidence[DECISION])


def _business(each: LabelledInterval, rows: LabelledRows, by: Yardstick) -> list[Measurement]:
    """Each declared expression of one interval and version."""
    measured = []
    for declared in by.settings.business:
        result: object = None
        if each.version is not None and by.is_known(each):
            result = rows.evaluate(declared, [each.interval], version=each.version)
        measured.append(measure_business(each, declared, result, by=by))
    return measured


def _business_windows(found: Sequence[LabelledInterval], rows: LabelledRows, by: Yardstick) -> list[Measurement]:
    """Each declared expression of the last known intervals of each version."""
    measured = []
    for version in dict.fromkeys(each.version for each in found if each.version is not None):
        window = known_window(found, version, by=by)
        count = sum(each.labelled for each in window)
        for declared in by.settings.business if window else ():
            result = rows.evaluate(declared, [each.interval for each in window], version=version)
            measured.append(measure_business_window(window[-1], declared, result, rows=count))
    return measured
