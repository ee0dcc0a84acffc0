"""Small references and intervals that the tests of drift are made of."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import numpy as np

from retrainer.columns import Columns
from retrainer.config.monitoring import Drift
from retrainer.contracts import Interval
from retrainer.contracts.monitoring import Measurement
from retrainer.monitoring.calibration import calibrated
from retrainer.monitoring.drift import measure_drift
from retrainer.monitoring.reference import Batch, Reference, build_reference
from retrainer.monitoring.watched import WatchedColumn

WATCHED = (
    WatchedColumn("amount", "number", "feature"),
    WatchedColumn("region", "category", "feature"),
    WatchedColumn("prediction", "number", "prediction"),
    WatchedColumn("label", "category", "label"),
)
DAYS = 40
A_YEAR = 365
DRIFT = Drift()


def interval(day: int) -> Interval:
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)
    return Interval(start=start, end=start + timedelta(days=1))


def day_of(day: int, *, rows: int = 400, **replaced: np.ndarray) -> Columns:
    """Rows of a day: amounts about 100, four regions, predictions, labels."""
    random = np.random.default_rng(day)
    regions = np.array(["north", "south", "east", "west"], dtype=object)
    found = {
        "amount": random.normal(100 + random.normal(), 10, rows),
        "region": random.choice(regions, rows, p=[0.4, 0.3, 0.2, 0.1]),
        "prediction": random.beta(2, 5, rows),
        "label": (random.random(rows) < 0.3).astype(np.float64),
    }
    return {**found, **replaced}


def reference_of(
    days: Mapping[int, Columns] | None = None,
    *,
    watched: tuple[WatchedColumn, ...] = WATCHED,
    drift: Drift = DRIFT,
    calibrate: Callable[..., Reference] = calibrated,
) -> Reference:
    """Built of these days, DAYS ordinary ones by default, and calibrated."""
    found = days if days is not None else {day: day_of(day) for day in range(DAYS)}
    built = build_reference(watched, lambda: [Batch(interval(day).key, found[day]) for day in found], seed=1)
    return calibrate(built, drift, intervals_per_year=A_YEAR, seed=1)


def measure(
    reference: Reference, columns: Columns | None, *, day: int = 100, drift: Drift = DRIFT
) -> dict[tuple[str, str], Measurement]:
    """Measurements of an interval by column and measure; None is an interval without rows."""
    sketch = reference.sketch([] if columns is None else [columns])
    found = measure_drift(
        reference, sketch, drift, interval=interval(day), version=3, intervals_per_year=A_YEAR, seed=1
    )
    return {(each.subject, each.measure): each for each in found}
