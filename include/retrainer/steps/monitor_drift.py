"""The interval against what the version learned from: features, predictions, and labels as they become known."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np

from retrainer.columns import Columns
from retrainer.contracts import Interval
from retrainer.contracts.columns import LABEL
from retrainer.contracts.monitoring import Measurement
from retrainer.errors import BadDataError, StoreConflictError
from retrainer.monitoring.drift import measure_drift
from retrainer.monitoring.labelled import LabelledInterval, intervals_a_year
from retrainer.monitoring.reference import Reference
from retrainer.monitoring.sketch import Sketch
from retrainer.monitoring.watched import PREDICTION
from retrainer.snapshots import connect
from retrainer.steps.monitor_predictions import OUTPUT, VERSION, Predictions, open_predictions
from retrainer.steps.monitor_reference import reference_of
from retrainer.steps.monitor_version import WatchedVersion

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IntervalDrift:
    """Measures the drift of one version; `reference` is null where what it learned from is gone: `why` says so."""

    watched: WatchedVersion
    data_uri: str
    interval: Interval
    reference: Reference | None
    why: str = ""

    @classmethod
    def of(cls, watched: WatchedVersion, data_uri: str, interval: Interval) -> "IntervalDrift":
        """With the version's reference, made where there is none yet."""
        try:
            return cls(watched, data_uri, interval, reference_of(watched, data_uri, interval))
        except (BadDataError, StoreConflictError) as error:
            log.warning("drift of v%d is not measured: %s", watched.number, error)
            return cls(watched, data_uri, interval, None, f"there is no reference: {error.args[0]}")

    def measure(self, past: Sequence[LabelledInterval]) -> tuple[Measurement, ...]:
        """Features and predictions of the interval, and the labels of each interval of `past` in which enough of them
        are known."""
        if self.reference is None:
            return tuple(self._unknown())
        sketch = self._sketch(self.reference)
        needed = self.watched.config.monitoring.performance.min_coverage
        found: list[Measurement] = []
        for each in past:
            if each.version != self.watched.number or not each.is_known(needed):
                continue
            if each.interval == self.interval:
                sketch = _with_labels(sketch, self.reference, each)
            else:
                alone = _with_labels(Sketch(0, {}), self.reference, each)
                judged = self._judged(_for_one_column(self.reference), alone, each.interval)
                found += (one for one in judged if one.about == "label")
        return (*found, *self._judged(self.reference, sketch, self.interval))

    def _judged(self, reference: Reference, sketch: Sketch, interval: Interval) -> tuple[Measurement, ...]:
        config = self.watched.config
        return measure_drift(
            reference,
            sketch,
            config.monitoring.drift,
            interval=interval,
            version=self.watched.number,
            intervals_per_year=intervals_a_year(config.schedule),
            seed=config.seed,
        )

    def _sketch(self, reference: Reference) -> Sketch:
        with connect() as connection:
            predictions = open_predictions(self.watched.config, self.data_uri, [self.interval], connection=connection)
            if predictions is None:
                return Sketch(0, {})
            return reference.sketch(self._batches(connection, predictions))

    def _batches(self, connection: duckdb.DuckDBPyConnection, predictions: Predictions) -> Iterator[Columns]:
        rows = connection.sql(f"SELECT * FROM {predictions.view} WHERE {VERSION} = {self.watched.number}")
        for columns, batch in self.watched.read(rows, predictions.features):
            yield {**self.watched.features(columns), PREDICTION: batch.column(OUTPUT).to_numpy(zero_copy_only=False)}

    def _unknown(self) -> Iterator[Measurement]:
        for column in self.watched.columns:
            yield Measurement(
                interval=self.interval,
                version=self.watched.number,
                about=column.about,
                subject=column.name,
                measure="shift" if column.kind == "number" else "divergence",
                note=self.why,
            )


def _for_one_column(reference: Reference) -> Reference:
    """The reference with a level at which a column that is judged alone is no likelier flagged than among all."""
    levels = tuple(replace(each, level=each.level / len(reference.watched)) for each in reference.levels)
    return replace(reference, levels=levels)


def _with_labels(sketch: Sketch, reference: Reference, known: LabelledInterval) -> Sketch:
    labels = reference.sketch([{LABEL: np.asarray(known.labels, dtype=np.float64)}])
    return replace(sketch, tallies={**sketch.tallies, LABEL: labels.tallies[LABEL]})
