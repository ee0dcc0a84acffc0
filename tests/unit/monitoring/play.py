"""Playing days against a reference as monitoring does, and as three common defaults do."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
from scipy.stats import chi2_contingency, kstwobign

from retrainer.columns import Columns
from retrainer.config.monitoring import Drift
from retrainer.contracts import Interval
from retrainer.contracts.monitoring import Measurement
from retrainer.monitoring.calibration import calibrated
from retrainer.monitoring.drift import confirmed_columns, measure_drift
from retrainer.monitoring.reference import Batch, Reference, build_reference
from retrainer.monitoring.watched import WatchedColumn

REFERENCE_DAYS = 74
DAYS_A_YEAR = 365
SEED = 5
WITHIN = 14
"""A shift counts as caught when its column is confirmed within so many intervals."""

Change = Callable[[Columns], Columns]
Days = Callable[[int], Columns]
"""The columns of a day by its number, the reference's first."""


@dataclass(frozen=True)
class Replay:
    """Days in a row: REFERENCE_DAYS of reference, then those that are watched."""

    watched: tuple[WatchedColumn, ...]
    days: Days
    length: int
    drift: Drift = field(default_factory=Drift)

    def reference(self) -> Reference:
        """Of the first days, with its level."""
        read = lambda: (Batch(interval(day).key, self.days(day)) for day in range(REFERENCE_DAYS))  # noqa: E731
        built = build_reference(self.watched, read, seed=SEED)
        return calibrated(built, self.drift, intervals_per_year=DAYS_A_YEAR, seed=SEED)

    def measure(self, reference: Reference, day: int, change: Change | None = None) -> tuple[Measurement, ...]:
        """The measurements of a day, of changed columns where a change is given."""
        columns = self.days(day) if change is None else change(self.days(day))
        return measure_drift(
            reference,
            reference.sketch([columns]),
            self.drift,
            interval=interval(day),
            version=1,
            intervals_per_year=DAYS_A_YEAR,
            seed=SEED,
        )

    def year(self, reference: Reference) -> list[tuple[Measurement, ...]]:
        """The measurements of each day that is watched."""
        return [self.measure(reference, day) for day in range(REFERENCE_DAYS, self.length)]

    def caught(self, reference: Reference, column: str, change: Change, *, start: int) -> int | None:
        """How many intervals after `start`, from which on days are changed, the column is confirmed; None: not."""
        last: list[tuple[Measurement, ...]] = []
        for day in range(start - self.drift.confirm.of + 1, start + WITHIN):
            last.append(self.measure(reference, day, change if day >= start else None))
            if day >= start and column in confirmed(last, self.drift):
                return day - start + 1
        return None


def interval(day: int) -> Interval:
    """A day's, whatever its rows are."""
    start = datetime(2013, 1, 1, tzinfo=UTC) + timedelta(days=day)
    return Interval(start=start, end=start + timedelta(days=1))


def confirmed(days: Sequence[tuple[Measurement, ...]], drift: Drift) -> tuple[str, ...]:
    """The columns confirmed at the end of these days."""
    last = [each for day in days[-drift.confirm.of :] for each in day]
    return tuple(each.subject for each in confirmed_columns(last, drift))


def episodes(days: Sequence[tuple[Measurement, ...]], drift: Drift) -> list[tuple[int, int, tuple[str, ...]]]:
    """Stretches in which any column is confirmed: first day, last day, the columns."""
    found: list[tuple[int, int, tuple[str, ...]]] = []
    for day in range(len(days)):
        columns = confirmed(days[max(0, day + 1 - drift.confirm.of) : day + 1], drift)
        if columns and found and found[-1][1] == day - 1:
            first, _, before = found[-1]
            found[-1] = (first, day, tuple(dict.fromkeys((*before, *columns))))
        elif columns:
            found.append((day, day, columns))
    return found


def psi_alarms(day: Sequence[Measurement]) -> set[str]:
    """Columns whose population stability index is above 0.2."""
    return {each.subject for each in day if each.measure == "psi" and (each.value or 0) > 0.2}


@dataclass(frozen=True)
class Tests:
    """p < 0.05 of Kolmogorov and Smirnov's test for numbers, of chi-squared for categories, column by column."""

    numbers: Mapping[str, np.ndarray]
    """The reference's values, sorted."""
    categories: Mapping[str, Mapping[str, int]]
    """The reference's counts."""

    @classmethod
    def of(cls, replay: Replay) -> "Tests":
        """Against the days of the reference, all together."""
        days = [replay.days(day) for day in range(REFERENCE_DAYS)]
        numbers: dict[str, np.ndarray] = {}
        categories: dict[str, Mapping[str, int]] = {}
        for each in replay.watched:
            values = np.concatenate([day[each.name] for day in days])
            if each.kind == "number":
                numbers[each.name] = np.sort(values[np.isfinite(values)])
            else:
                categories[each.name] = Counter(map(str, values.tolist()))
        return cls(numbers, categories)

    def alarms(self, day: Columns) -> set[str]:
        """Columns that differ."""
        p_values = {name: _kolmogorov_smirnov(before, day[name]) for name, before in self.numbers.items()}
        p_values |= {name: _chi_squared(before, day[name]) for name, before in self.categories.items()}
        return {name for name, p_value in p_values.items() if p_value < 0.05}


def _kolmogorov_smirnov(before: np.ndarray, values: np.ndarray) -> float:
    now = np.sort(values[np.isfinite(values)])
    if not len(now) or not len(before):
        return 1.0
    sides: tuple[Literal["right", "left"], ...] = ("right", "left")
    distance = max(
        np.abs(np.searchsorted(before, now, side) / len(before) - np.searchsorted(now, now, side) / len(now)).max()
        for side in sides
    )
    return float(kstwobign.sf(distance * np.sqrt(len(now) * len(before) / (len(now) + len(before)))))


def _chi_squared(before: Mapping[str, int], values: np.ndarray) -> float:
    now = Counter(map(str, values.tolist()))
    names = [name for name in before if before[name] + now[name]]
    if len(names) < 2:
        return 1.0
    return float(chi2_contingency([[side.get(name, 0) for name in names] for side in (before, now)]).pvalue)


def evidently_alarm(reference: Columns, now: Columns, watched: Sequence[WatchedColumn]) -> tuple[bool, float]:
    """The default preset's own verdict, and the share of columns that it says have drifted."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    names = {kind: [each.name for each in watched if each.kind == kind] for kind in ("number", "category")}
    definition = DataDefinition(numerical_columns=names["number"], categorical_columns=names["category"])
    data = [Dataset.from_pandas(pd.DataFrame(dict(c)), data_definition=definition) for c in (now, reference)]
    snapshot = Report([DataDriftPreset()]).run(*data).dict()
    share = next(each["value"]["share"] for each in snapshot["metrics"] if "share" in str(each["value"]))
    return share >= 0.5, float(share)


def doubled(column: str, category: object) -> Change:
    """Other rows become `category` until it has twice as many."""

    def change(columns: Columns) -> Columns:
        values = columns[column]
        has = values == category
        others = np.flatnonzero(~has)
        drawn = np.random.default_rng(SEED).permutation(others)[: np.count_nonzero(has)]
        now = values.copy()
        now[drawn] = category
        return {**columns, column: now}

    return change


def shifted(column: str, by: float) -> Change:
    """Every number is larger by as much."""
    return lambda columns: {**columns, column: columns[column] + by}


def nulled(column: str, share: float) -> Change:
    """A share of the rows, drawn at random, loses its value."""

    def change(columns: Columns) -> Columns:
        values = columns[column]
        lost = np.random.default_rng(SEED).random(len(values)) < share
        missing = None if values.dtype.kind == "O" else np.nan
        return {**columns, column: np.where(lost, missing, values)}

    return change


def made_up(seed: int, *, columns: int = 10, rows: int = 300) -> Iterator[Columns]:
    """Endless days without drift: days differ, and resemble the day before and the same weekday.

    `columns` numbers whose day's mean wanders by 0 to 0.9 standard deviations of their rows; two categories.
    """
    random = np.random.default_rng(seed)
    wander = np.linspace(0, 0.9, columns)
    weekday = 0.3 * random.normal(size=(7, columns))
    shares = random.dirichlet(np.full(8, 3.0))
    level = random.normal(size=columns)
    for day in range(10_000):
        level = 0.6 * level + 0.8 * random.normal(size=columns)
        values = random.normal(size=(rows, columns)) + wander * (level + weekday[day % 7])
        found: dict[str, np.ndarray] = {f"number_{place}": values[:, place] for place in range(columns)}
        for place in range(2):
            tilted = shares * np.exp(0.2 * place * random.normal(size=8))
            found[f"category_{place}"] = random.choice([*"abcdefgh"], size=rows, p=tilted / tilted.sum()).astype(object)
        yield found


def made_up_replay(seed: int) -> Replay:
    """A year after a reference, of made-up days."""
    made = made_up(seed)
    days = [next(made) for _ in range(REFERENCE_DAYS + DAYS_A_YEAR)]
    watched = tuple(
        WatchedColumn(name, "number" if name.startswith("number") else "category", "feature") for name in days[0]
    )
    return Replay(watched, days.__getitem__, len(days))
