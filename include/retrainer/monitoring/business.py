"""What the predictions were worth: declared expressions, as DuckDB gave their results, against their bounds."""

import math
from dataclasses import dataclass
from decimal import Decimal

from retrainer.config.monitoring import Business
from retrainer.contracts.monitoring import WINDOW, Measurement
from retrainer.monitoring.labelled import LabelledInterval, Yardstick
from retrainer.monitoring.performance import not_known

Result = object
"""What an expression gave: any value of DuckDB's, or Uncomputable."""


@dataclass(frozen=True, slots=True)
class Uncomputable:
    """An expression that is right and could not be computed of the rows at hand, and why."""

    why: str


def measure_business(each: LabelledInterval, declared: Business, result: Result, *, by: Yardstick) -> Measurement:
    """The result of one interval; no value while too few labels are known."""
    if not by.is_known(each):
        return _measurement(each, declared, declared.name, rows=each.labelled).model_copy(
            update={"note": not_known(each, by.settings.min_coverage)}
        )
    return _judged(_measurement(each, declared, declared.name, rows=each.labelled), declared, result)


def measure_business_window(newest: LabelledInterval, declared: Business, result: Result, *, rows: int) -> Measurement:
    """The result of the rows of the last known intervals together, on the newest of them."""
    return _judged(_measurement(newest, declared, WINDOW, rows=rows), declared, result)


def _judged(found: Measurement, declared: Business, result: Result) -> Measurement:
    """`found` with the result as its value, flagged where that is outside the declared bounds; and why there is none.

    `expected` is the bound that it is outside of, or else the one that is declared.
    """
    value, note = number_of(result)
    if value is None:
        return found.model_copy(update={"note": f"{declared.name} has no value: {note}"})
    below = declared.min is not None and value < declared.min
    above = declared.max is not None and value > declared.max
    if below:
        note = f"{value:g} is below min, {declared.min:g}"
    elif above:
        note = f"{value:g} is above max, {declared.max:g}"
    expected = declared.max if above or declared.min is None else declared.min
    return found.model_copy(update={"value": value, "expected": expected, "flagged": below or above, "note": note})


def number_of(result: Result) -> tuple[float | None, str]:
    """A result as a number; None, and why, where it is none that is finite."""
    if isinstance(result, Uncomputable):
        return None, result.why
    if result is None:
        return None, "the expression gave NULL"
    if not isinstance(result, bool | int | float | Decimal):
        return None, f"the expression gave no number, but {type(result).__name__}"
    value = float(result)
    return (value, "") if math.isfinite(value) else (None, f"the expression gave {value}")


def _measurement(each: LabelledInterval, declared: Business, measure: str, *, rows: int) -> Measurement:
    return Measurement(
        interval=each.interval,
        version=each.version,
        about="business",
        subject=declared.name,
        measure=measure,
        rows=rows,
    )
