"""How good the predictions were, as far as their labels are known: interval by interval, and over the last of them.

An interval has a value once enough of its labels are known, and again whenever labels come or change. By itself it is
no alarm. The window of the last known intervals of one version is: where it is below the floor, or below what the
release promised, by more than chance explains. Both are judged at a limit at which a model that keeps its promise is
accused as often as declared (see `significance`). So a window a little under its floor is not an alarm at once; one
that stays there is.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr  # type: ignore[import-untyped]

from retrainer.contracts.monitoring import COVERAGE, WINDOW, Measurement
from retrainer.monitoring.labelled import LabelledInterval, Promise, Yardstick
from retrainer.monitoring.significance import (
    Looks,
    Spread,
    bounds,
    bounds_of_rows,
    errors_below,
    limit,
    pooled,
    spread_within,
)

_LEAST_INTERVALS = 3
_LEAST_FREEDOM = 4
_LEAST_STRETCH = 5


def measure_performance(
    intervals: Sequence[LabelledInterval], by: Yardstick, promises: Mapping[int, Promise]
) -> tuple[Measurement, ...]:
    """Coverage and value of each interval and version, and the window of each version on its newest known interval.

    `intervals` are in order. `promises` are those of the releases, by version; a version without one is held to the
    floor alone.
    """
    found = [each for one in intervals for each in measure_interval(one, by)]
    versions = dict.fromkeys(each.version for each in intervals if each.version is not None)
    windows = (measure_window(version, intervals, by, promise=promises.get(version)) for version in versions)
    return (*found, *(each for each in windows if each is not None))


def measure_interval(each: LabelledInterval, by: Yardstick) -> tuple[Measurement, Measurement]:
    """Coverage, and the metric, which has no value while too few labels are known."""
    coverage = _measurement(each, by, COVERAGE).model_copy(
        update={"value": each.coverage, "rows": each.predictions, "note": _about_keys(each)}
    )
    return coverage, _measurement(each, by, by.metric).model_copy(update=_value(each, by))


def _value(each: LabelledInterval, by: Yardstick) -> dict[str, object]:
    """Value, bounds, rows and note of the metric of one interval."""
    if not by.is_known(each):
        return {"rows": each.labelled, "note": not_known(each, by.settings.min_coverage)}
    labels, outputs = rows = each.rows
    lost = len(each.outputs) - len(outputs)
    note = f"{lost} of {len(each.outputs)} predictions are no finite number and do not count" if lost else ""
    value = by.score(labels, outputs) if len(labels) else math.nan
    if not math.isfinite(value):
        why = f"every label is {labels[0]:g}" if len(np.unique(labels)) == 1 else note or "of these rows"
        return {"rows": each.labelled, "note": f"{by.metric} is undefined: {why}"}
    low, high = _within(bounds_of_rows(by.score, rows, confidence=by.confidence), by)
    return {"value": value, "low": low, "high": high, "rows": each.labelled, "note": note}


def not_known(each: LabelledInterval, min_coverage: float) -> str:
    if not each.predictions:
        return "no predictions in this interval"
    if each.is_before_holdout:
        return f"does not count: v{each.version} may have learned from these rows, which are older than its holdout"
    share = f"{each.labelled:,} of {each.predictions:,} predictions ({each.labelled / each.predictions:.0%})"
    return f"not known yet: {share} have a label, {min_coverage:.0%} are needed"


def _about_keys(each: LabelledInterval) -> str:
    if not each.predictions:
        return "no predictions in this interval"
    notes = []
    if each.unknown_keys:
        notes.append(f"{each.unknown_keys:,} predictions have a key that is not in the row table")
    if each.duplicates:
        notes.append(f"{each.duplicates:,} further predictions of the same key do not count")
    return "; ".join(notes)


def measure_window(
    version: int, intervals: Sequence[LabelledInterval], by: Yardstick, *, promise: Promise | None
) -> Measurement | None:
    """The last known intervals of a version, on the newest of them; None while it has no interval that is known.

    `intervals` are in order, and may be of several versions: how much intervals differ is learned from all of them.
    """
    known = [each for each in intervals if by.is_known(each)]
    window = known_window(known, version, by=by)
    if not window:
        return None
    rows = sum(each.labelled for each in window)
    found = _measurement(window[-1], by, WINDOW).model_copy(update={"rows": rows})
    value = pooled(by.score, [each.rows for each in window])
    earlier = _stretches(
        [each for each in known if each not in window], max(by.settings.window_intervals, _LEAST_STRETCH)
    )
    spread = spread_within(by.score, [[each.rows for each in stretch] for stretch in (window, *earlier)])
    problem = _problem(by, window, rows=rows, value=value, spread=spread)
    if problem or spread is None:
        return found.model_copy(update={"note": problem})
    return found.model_copy(update=_judged(_Window(value, len(window), spread, tuple(map(len, earlier))), by, promise))


def known_window(intervals: Sequence[LabelledInterval], version: int, *, by: Yardstick) -> Sequence[LabelledInterval]:
    """The last intervals of a version of which enough labels are known, in order: as many as are judged together."""
    own = [each for each in intervals if each.version == version and by.is_known(each)]
    return own[-by.settings.window_intervals :]


def _problem(
    by: Yardstick, window: Sequence[LabelledInterval], *, rows: int, value: float, spread: Spread | None
) -> str:
    """Why the window cannot be judged; empty where it can."""
    needed = min(_LEAST_INTERVALS, by.settings.window_intervals)
    if len(window) < needed:
        return f"not judged yet: {len(window)} of {needed} intervals are known"
    if rows < by.settings.min_rows:
        return f"not judged yet: {rows:,} predictions of {len(window)} intervals have a label, " + (
            f"{by.settings.min_rows:,} are needed"
        )
    if not math.isfinite(value):
        return f"{by.metric} is undefined on the last {len(window)} known intervals"
    if spread is None or spread.freedom < _LEAST_FREEDOM:
        return f"not judged yet: {len(window)} intervals are too few to see how much they differ"
    return ""


@dataclass(frozen=True, slots=True)
class _Window:
    """A window that can be judged; stretches of the lengths `earlier` helped to say how much intervals differ."""

    value: float
    intervals: int
    spread: Spread
    earlier: tuple[int, ...]

    @property
    def error(self) -> float:
        return math.sqrt(self.spread.variance / self.intervals)


def _judged(window: _Window, by: Yardstick, promise: Promise | None) -> dict[str, object]:
    """Value and bounds of a window, what it was compared with, and whether it is worse than chance explains."""
    spread = window.spread
    low, high = _within(bounds(window.value, window.error, freedom=spread.freedom, confidence=by.confidence), by)
    found: dict[str, object] = {"value": window.value, "low": low, "high": high}
    references = []
    if promise is not None:
        below = errors_below(window.value, promise.value, math.hypot(window.error, promise.error))
        references.append((below, promise.value, f"the {promise.value:.4f} that the release promised"))
    if by.floor is not None:
        references.append((errors_below(window.value, by.floor, window.error), by.floor, f"the floor of {by.floor:g}"))
    if not references:
        return found | {"note": "no floor is declared, and the release promised nothing: not judged"}
    allowed = limit(_looks(window, by, promise))
    worst, *_ = broken = [each for each in references if each[0] > allowed] or references
    what = " and ".join(words for _, _, words in broken)
    judged = f"{by.metric} {window.value:.4f} over {window.intervals} intervals is "
    flagged = worst[0] > allowed
    note = judged + (f"significantly under {what}" if flagged else f"not significantly under {what}")
    p_value = float(stdtr(spread.freedom, -worst[0]))
    return found | {"expected": worst[1], "p_value": p_value, "flagged": flagged, "note": note}


def _looks(window: _Window, by: Yardstick, promise: Promise | None) -> Looks:
    promised = 0
    if promise is not None:
        worth = window.spread.variance / promise.error**2 if promise.error > 0 else math.inf
        promised = 2 ** round(math.log2(min(max(worth, 2), 256)))  # a coarse grid, so that rehearsals are few
    return Looks(
        window=window.intervals,
        earlier=window.earlier,
        promised=promised,
        has_floor=by.floor is not None,
        looks_a_year=by.intervals_a_year,
        crossings_a_year=by.settings.false_alarms_per_year,
    )


def _stretches(known: Sequence[LabelledInterval], length: int) -> list[Sequence[LabelledInterval]]:
    """Stretches of at most `length` and at least two known intervals, each of one version, the newest first."""
    found: list[Sequence[LabelledInterval]] = []
    for version in dict.fromkeys(each.version for each in reversed(known)):
        own = [each for each in known if each.version == version]
        found += [own[max(end - length, 0) : end] for end in range(len(own), 1, -length)]
    return found


def _within(found: tuple[float, float] | None, by: Yardstick) -> tuple[float | None, float | None]:
    return (found[0], min(found[1], by.highest)) if found is not None else (None, None)


def _measurement(each: LabelledInterval, by: Yardstick, measure: str) -> Measurement:
    return Measurement(
        interval=each.interval, version=each.version, about="performance", subject=by.metric, measure=measure
    )
