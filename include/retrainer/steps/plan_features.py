"""plan_features: into which parts the windows are cut, each of which a task of its own builds the features of."""

import logging
from collections.abc import Iterator, Mapping, Sequence

from retrainer.config.mapping import TaskMapping
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import FeaturePart, FeatureParts, Interval, StepRequest, ValidationReport
from retrainer.snapshots import pinned_counts
from retrainer.steps.build_features import feature_window, row_table
from retrainer.steps.inputs import declaration, result_of

log = logging.getLogger(__name__)


def run(request: StepRequest, _: RuntimeSettings) -> FeatureParts:
    """Cut the intervals of both windows into parts of about as many rows each; reads no rows.

    Raises:
        ConfigurationError: the validated snapshot does not have the row table.
    """
    config = declaration(request)
    report = result_of(request, "validate_data", ValidationReport)
    window = feature_window(config, request)
    intervals = config.schedule.intervals(window.start, window.end)
    counts = pinned_counts(row_table(config, report.snapshot))
    parts = tuple(cut(intervals, counts, config.runtime.mapping))
    log.info("%d rows in %d intervals: %d parts", sum(part.rows for part in parts), len(intervals), len(parts))
    return FeatureParts(parts=parts)


def cut(intervals: Sequence[Interval], counts: Mapping[str, int], mapping: TaskMapping) -> Iterator[FeaturePart]:
    """`intervals` (in order, without a gap) in at most so many parts; an interval is not cut itself.

    No part but the last ends before it has its share of the rows, and at least `rows_per_task`.
    """
    total = sum(counts.get(each.key, 0) for each in intervals)
    share = max(total / mapping.tasks, mapping.rows_per_task)
    start, rows, cut_rows = intervals[0].start, 0, 0.0
    for number, interval in enumerate(intervals, start=1):
        rows += counts.get(interval.key, 0)
        if number == len(intervals) or (rows >= share and total - cut_rows - rows >= mapping.rows_per_task):
            yield FeaturePart(window=Interval(start=start, end=interval.end), rows=rows)
            start, rows, cut_rows = interval.end, 0, cut_rows + rows
