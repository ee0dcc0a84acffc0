"""The drift decision: an interval against the reference, column by column, then K of the last N intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from retrainer.config.monitoring import Drift
from retrainer.contracts import Interval
from retrainer.contracts.monitoring import About, Measurement
from retrainer.errors import ConfigurationError
from retrainer.monitoring.calibration import adjusted, least_effect, rules_digest
from retrainer.monitoring.effects import effects, psi, scale_of
from retrainer.monitoring.null import MIN_INTERVALS, Null, measured, null_of, rounded_rows
from retrainer.monitoring.reference import Reference
from retrainer.monitoring.sketch import Sketch, Tally
from retrainer.monitoring.watched import WatchedColumn

EXPECTED = 0.95
"""Share of ordinary intervals whose effect is below the expected one."""


@dataclass(frozen=True, slots=True)
class ConfirmedColumn:
    """A column that was flagged in enough of its last intervals: its largest measure in the last flagged one."""

    about: About
    subject: str
    measure: str
    effect: float
    expected: float | None
    since: datetime
    """Start of the first interval of those looked at in which it was flagged."""
    flagged: int
    judged: int


@dataclass(frozen=True, slots=True)
class _Judged:
    """A test of the interval: which measurement it belongs to, and what the null says of it."""

    place: int
    measure: str
    expected: float
    p_value: float
    beyond: bool
    """Whether the effect is larger than any in the reference."""


def measure_drift(
    reference: Reference,
    sketch: Sketch,
    drift: Drift,
    *,
    interval: Interval,
    version: int | None,
    intervals_per_year: int,
    seed: int,
) -> tuple[Measurement, ...]:
    """Every measure of every watched column in the interval, whether it stands out, and why where it is not judged.

    The same input gives the same measurements to the bit.

    Raises:
        ConfigurationError: the reference has no level for these rules: see `calibrated`.
    """
    level = _level(reference, drift, intervals_per_year)
    found: list[Measurement] = []
    for column in reference.watched:
        if column.name not in drift.ignore:
            found += _measurements(reference, column, sketch, drift=drift, interval=interval, version=version)
    judged = _judge(reference, found, drift, seed=seed)
    corrected = adjusted(np.array([each.p_value for each in judged]))
    for each, needed in zip(judged, corrected, strict=True):
        value = found[each.place].value
        assert value is not None
        flagged = bool(needed <= level) and each.beyond and abs(value) >= least_effect(drift, each.measure)
        update = {"expected": each.expected, "p_value": each.p_value, "flagged": flagged}
        found[each.place] = found[each.place].model_copy(update=update)
    return tuple(found)


def confirmed_columns(history: Sequence[Measurement], drift: Drift) -> tuple[ConfirmedColumn, ...]:
    """The columns that were flagged in K of the last N intervals in which they were judged.

    `history` are the measurements of one version, in any order, reaching back as far as the caller believes them;
    labels become known late, so their last N intervals may be older than those of the features. Of two measurements of
    the same the later one counts.
    """
    judged: dict[tuple[About, str], dict[datetime, dict[str, Measurement]]] = {}
    for each in history:
        if each.p_value is not None and each.subject not in drift.ignore:
            intervals = judged.setdefault((each.about, each.subject), {})
            intervals.setdefault(each.interval.start, {})[each.measure] = each
    found = (_confirmed(intervals, drift) for intervals in judged.values())
    return tuple(sorted((each for each in found if each), key=lambda each: (each.about, each.subject)))


def _confirmed(intervals: dict[datetime, dict[str, Measurement]], drift: Drift) -> ConfirmedColumn | None:
    last = sorted(intervals)[-drift.confirm.of :]
    flagged = [start for start in last if any(each.flagged for each in intervals[start].values())]
    if len(flagged) < drift.confirm.intervals:
        return None
    standing_out = [each for each in intervals[flagged[-1]].values() if each.flagged]
    largest = max(standing_out, key=lambda each: abs(each.value or 0) / (least_effect(drift, each.measure) or 1))
    return ConfirmedColumn(
        about=largest.about,
        subject=largest.subject,
        measure=largest.measure,
        effect=abs(largest.value or 0),
        expected=largest.expected,
        since=flagged[0],
        flagged=len(flagged),
        judged=len(last),
    )


def _level(reference: Reference, drift: Drift, intervals_per_year: int) -> float:
    rules = rules_digest(drift, intervals_per_year)
    for level in reference.levels:
        if level.rules == rules:
            return level.level
    raise ConfigurationError("the reference has no level for these rules of monitoring.drift: it was not calibrated")


def _measurements(
    reference: Reference,
    column: WatchedColumn,
    sketch: Sketch,
    *,
    drift: Drift,
    interval: Interval,
    version: int | None,
) -> list[Measurement]:
    """The values of one column, not judged yet: those that will not be have a note."""
    layout, total = reference.layouts[column.name], reference.total(column.name)
    now = _in_rows(column, sketch, layout.cells)
    values = effects(layout, total, now, scale=scale_of(layout, total))
    rows = int(now.rows if column.about == "feature" else now.values)
    note = _note(reference, column, rows=rows, drift=drift)
    numbers = {name: float(values[name]) for name in measured(column, values)} | {"psi": float(psi(layout, total, now))}
    return [
        Measurement(
            interval=interval,
            version=version,
            about=column.about,
            subject=column.name,
            measure=measure,
            value=value if np.isfinite(value) else None,
            rows=rows,
            note=note or ("" if np.isfinite(value) else _no_value(total)),
        )
        for measure, value in numbers.items()
    ]


def _in_rows(column: WatchedColumn, sketch: Sketch, cells: int) -> Tally:
    """The column in the interval. A feature that is not there, or not in all of its batches, is missing there."""
    tally = sketch.tallies.get(column.name)
    if tally is None:
        tally = Tally(np.zeros(cells, np.int64), np.zeros(cells), np.asarray(0.0), np.asarray(0))
    if column.about != "feature":
        return tally
    return Tally(tally.counts, tally.sums, tally.squares, np.asarray(sketch.rows - int(tally.values)))


def _note(reference: Reference, column: WatchedColumn, *, rows: int, drift: Drift) -> str:
    """Why nothing of the column is judged; empty where it may be."""
    tally = reference.tallies[column.name]
    size = tally.rows if column.about == "feature" else tally.values
    intervals = int((size >= drift.min_rows).sum())
    if rows == 0:
        return "no rows" if column.about != "label" else "no labels known yet"
    if rows < drift.min_rows:
        return f"{rows} rows, {drift.min_rows} are needed"
    if intervals < MIN_INTERVALS:
        return f"the reference has {intervals} intervals with {drift.min_rows} rows or more, {MIN_INTERVALS} are needed"
    return ""


def _no_value(total: Tally) -> str:
    return "the reference has no values" if not total.values else "every value is missing"


def _judge(reference: Reference, found: Sequence[Measurement], drift: Drift, *, seed: int) -> list[_Judged]:
    judged: list[_Judged] = []
    for place, each in enumerate(found):
        if each.note or each.value is None or each.measure == "psi":
            continue
        null = null_of(reference, rows=rounded_rows(each.rows), min_rows=drift.min_rows, seed=seed)
        test = (each.subject, each.measure)
        if test in null.tests:
            judged.append(_against(null, null.tests.index(test), place, each))
    return judged


def _against(null: Null, test: int, place: int, measurement: Measurement) -> _Judged:
    tails = null.tails
    logs = tails.logs(np.full(len(null.tests), measurement.value))
    p_value, expected = tails.p_values(logs)[test], tails.quantile(EXPECTED)[test]
    beyond = bool(logs[test] > tails.largest[test])
    return _Judged(place, measurement.measure, float(expected), float(p_value), beyond)
