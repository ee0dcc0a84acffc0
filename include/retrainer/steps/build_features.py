"""build_features: the features of every row of the windows as they were known at its prediction time."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import duckdb
from pydantic import JsonValue

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import BuiltParts, FeatureSet, Interval, StepRequest, TableRef, ValidationReport
from retrainer.contracts.columns import TIME
from retrainer.errors import ConfigurationError
from retrainer.features import FeatureTables, build_features
from retrainer.snapshots import (
    DataPlace,
    Partitions,
    connect,
    laid_out,
    last_change,
    open_view,
    pin,
    pinned_counts,
    reach,
    replace_changed,
)
from retrainer.steps.inputs import declaration, result_of
from retrainer.steps.publish_online import needed_since, publish_known

log = logging.getLogger(__name__)

_BUILT = "features_built"


def run(request: StepRequest, settings: RuntimeSettings) -> FeatureSet:
    """Build the features of both windows from the validated snapshot into the model's Delta feature table.

    What mapped tasks have built is not built again, unless another run has changed it since. Where the model is served,
    also publish what is known at as_of for the rows that are still to come.
    """
    config = declaration(request)
    report = result_of(request, "validate_data", ValidationReport)
    training, holdout = windows(config, request)
    window = feature_window(config, request)
    uri = DataPlace(settings.data_uri, config.name).features()
    intervals = config.schedule.intervals(window.start, window.end)
    ref = build(config, report.snapshot, intervals=_not_built(request, intervals, uri), window=window, uri=uri)
    if config.serving is not None:
        with connect() as connection:
            recent = [_since(ref, needed_since(config, ref.table, request.as_of), config) for ref in report.snapshot]
            publish_known(_tables(connection, recent), config, settings.data_uri, as_of=request.as_of)
    return FeatureSet(table=ref, snapshot=report.snapshot, training=training, holdout=holdout, as_of=request.as_of)


def build(
    config: ModelConfig, snapshot: Sequence[TableRef], *, intervals: Sequence[Interval], window: Interval, uri: str
) -> TableRef:
    """Build the features of the rows in `intervals`, and pin `window` of the Delta table at `uri`."""
    changed = replace_features(config, snapshot, intervals=intervals, uri=uri) if intervals else 0
    pinned = pin(uri, table="features", window=window)
    log.info("%d rows of features in %s, version %d; %d partitions new", pinned.rows, uri, pinned.version, changed)
    return pinned


def replace_features(
    config: ModelConfig, snapshot: Sequence[TableRef], *, intervals: Sequence[Interval], uri: str
) -> int:
    """Build the features of the rows in `intervals`, some at a time, and replace what is not so in the Delta table at
    `uri`; how many partitions these were."""
    by_key = {each.key: each for each in intervals}
    with connect() as connection:

        def rows_of(keys: Sequence[str]) -> str:
            some = [by_key[key] for key in keys]
            refs = [_needed_for(some, ref, config) for ref in snapshot]
            connection.execute(f"DROP TABLE IF EXISTS {_BUILT}")
            build_features(_tables(connection, refs), config, intervals=some).to_table(_BUILT)
            return _BUILT

        nothing = build_features(_tables(connection, snapshot), config, intervals=[])
        schema = nothing.limit(0).to_arrow_table().schema
        built = Partitions(connection, list(by_key), pinned_counts(row_table(config, snapshot)), rows_of)
        return replace_changed(built, uri, schema=laid_out(schema, _layout(config)), order=[TIME, *_key(config)])


def _not_built(request: StepRequest, intervals: Sequence[Interval], uri: str) -> list[Interval]:
    """Those of `intervals` that no mapped task has built, or that were changed since."""
    if "build_part" not in request.inputs:
        return list(intervals)
    parts = result_of(request, "build_part", BuiltParts).parts
    built = [each.part.window for each in parts if last_change(uri, each.part.window) == each.table.version]
    left = [each for each in intervals if not any(window.contains(each.start) for window in built)]
    log.info("%d parts were built by tasks of their own; %d intervals are left", len(built), len(left))
    return left


def feature_window(config: ModelConfig, request: StepRequest) -> Interval:
    """Both windows of a run, and the gap between them."""
    training, holdout = windows(config, request)
    return Interval(start=training.start, end=holdout.end)


def row_table(config: ModelConfig, snapshot: Sequence[TableRef]) -> TableRef:
    """The row table of a validated snapshot.

    Raises:
        ConfigurationError: it is not in it.
    """
    for ref in snapshot:
        if ref.table == config.source.rows:
            return ref
    names = ", ".join(ref.table for ref in snapshot) or "no table"
    raise ConfigurationError(f"the validated snapshot has no table {config.source.rows!r} (it has: {names})")


def windows(config: ModelConfig, request: StepRequest) -> tuple[Interval, Interval]:
    """Training and holdout window of a run: the holdout ends at as_of, the gap lies between them."""
    schedule, sizes = config.schedule, config.windows
    start_of_holdout = schedule.days_before(request.as_of, sizes.holdout_days)
    end_of_training = schedule.days_before(start_of_holdout, sizes.gap_days)
    start_of_training = schedule.days_before(end_of_training, sizes.training_days)
    return (
        Interval(start=start_of_training, end=end_of_training),
        Interval(start=start_of_holdout, end=request.as_of),
    )


def _tables(connection: duckdb.DuckDBPyConnection, snapshot: Sequence[TableRef]) -> FeatureTables:
    """The pinned tables as views."""
    views = {ref.table: f"snapshot_{ref.table}" for ref in snapshot}
    for ref in snapshot:
        open_view(connection, ref, views[ref.table])
    return FeatureTables(connection, views)


def _needed_for(intervals: Sequence[Interval], ref: TableRef, config: ModelConfig) -> TableRef:
    """`ref` without the partitions that no feature of a row in `intervals` (in order) looks at."""
    since = _since(ref, intervals[0].start - reach(config, ref.table), config)
    end = max(min(intervals[-1].end, ref.window.end), since.window.start + timedelta(microseconds=1))
    return since.model_copy(update={"window": Interval(start=since.window.start, end=end)})


def _since(ref: TableRef, moment: datetime, config: ModelConfig) -> TableRef:
    """`ref` without the partitions that end before `moment`."""
    start = max(config.schedule.interval_before(moment).end, ref.window.start)
    return ref.model_copy(update={"window": Interval(start=start, end=ref.window.end)})


def _key(config: ModelConfig) -> tuple[str, ...]:
    return config.source.tables[config.source.rows].key


def _layout(config: ModelConfig) -> JsonValue:
    """What the features are made by: partitions made by something else are not mixed with these."""
    made_by = config.model_dump(mode="json", include={"schedule", "features", "source"})
    return [
        made_by["schedule"]["cron"],
        made_by["schedule"]["timezone"],
        made_by["features"],
        made_by["source"]["label"],
    ]
