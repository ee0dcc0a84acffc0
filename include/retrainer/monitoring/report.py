"""The report of an interval: what was decided and from which numbers, and below it Evidently's charts of the rows."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from retrainer.contracts import Finding, Interval, Measurement
from retrainer.monitoring.evidently_charts import ReportColumns, draw
from retrainer.monitoring.report_page import render

log = logging.getLogger(__name__)

__all__ = ["Decided", "ReportColumns", "report_html"]


@dataclass(frozen=True, slots=True)
class Decided:
    """What monitoring made of an interval."""

    model: str
    interval: Interval
    version: int | None
    """Of the model; None where the rule answered."""
    verdict: str
    """As Monitored has it."""
    reason: str
    """In words, what is done about it."""
    findings: tuple[Finding, ...] = ()


def report_html(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    *,
    columns: ReportColumns,
    decided: Decided,
    measurements: Sequence[Measurement],
) -> str:
    """One page that needs nothing else and asks for nothing: no network, no usage tracking.

    `reference` and `current` hold the rows to draw, already sampled to a bounded number, one column for each name in
    `columns`: float64 for numbers, texts for categories, either with missing values. What cannot be drawn (a column
    without values, no labels yet, a single class) is left out and named; the decision's numbers are always there.
    """
    drawing = draw(reference, current, columns=columns)
    for problem in drawing.problems:
        log.info("the report leaves out: %s", problem)
    rows = (len(reference), len(current))
    return render(decided, sorted(measurements, key=_order), drawing=drawing, rows=rows)


def _order(measurement: Measurement) -> tuple[bool, float, str, str, str]:
    """What stands out first, then the newest interval."""
    newest_first = -measurement.interval.start.timestamp()
    return (not measurement.flagged, newest_first, measurement.about, measurement.subject, measurement.measure)
