"""build_features: the features of every row of the windows as they were known at its prediction time."""

import logging
from collections.abc import Sequence
from datetime import datetime

import duckdb
from pydantic import JsonValue

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import FeatureSet, Interval, StepRequest, TableRef, ValidationReport
from retrainer.contracts.columns import TIME
from retrainer.features import FeatureTables, build_features
from retrainer.snapshots import (
    DataPlace,
    Partitions,
    connect,
    laid_out,
    open_view,
    pin,
    pinned_counts,
    replace_changed,
)
from retrainer.steps.inputs import declaration, result_of
from retrainer.steps.publish_online import needed_since, publish_known

log = logging.getLogger(__name__)

_BUILT = "features_built"


def run(request: StepRequest, settings: RuntimeSettings) -> FeatureSet:
    """Build the features of both windows from the validated snapshot into the model's Delta feature table.

    Where the model is served, also publish what is known at as_of for the rows that are still to come.
    """
    config = declaration(request)
    report = result_of(request, "validate_data", ValidationReport)
    training, holdout = windows(config, request)
    uri = DataPlace(settings.data_uri, config.name).features()
    window = Interval(start=training.start, end=holdout.end)
    ref = build(config, report.snapshot, window=window, uri=uri)
    if config.serving is not None:
        with connect() as connection:
            recent = [_since(ref, needed_since(config, ref.table, request.as_of), config) for ref in report.snapshot]
            publish_known(_tables(connection, recent), config, settings.data_uri, as_of=request.as_of)
    return FeatureSet(table=ref, snapshot=report.snapshot, training=training, holdout=holdout, as_of=request.as_of)


def build(config: ModelConfig, snapshot: Sequence[TableRef], *, window: Interval, uri: str) -> TableRef:
    """Build the features of the rows in `window` into the Delta table at `uri`: only what changed. Pins the table."""
    changed = replace_features(config, snapshot, window=window, uri=uri)
    pinned = pin(uri, table="features", window=window)
    log.info("%d rows of features in %s, version %d; %d partitions new", pinned.rows, uri, pinned.version, changed)
    return pinned


def replace_features(config: ModelConfig, snapshot: Sequence[TableRef], *, window: Interval, uri: str) -> int:
    """Build the features of the rows in `window`, some intervals at a time, and replace what is not so in the Delta
    table at `uri`; how many partitions these were."""
    intervals = {each.key: each for each in config.schedule.intervals(window.start, window.end)}
    with connect() as connection:
        tables = _tables(connection, snapshot)

        def rows_of(keys: Sequence[str]) -> str:
            connection.execute(f"DROP TABLE IF EXISTS {_BUILT}")
            build_features(tables, config, intervals=[intervals[key] for key in keys]).to_table(_BUILT)
            return _BUILT

        schema = build_features(tables, config, intervals=[]).limit(0).to_arrow_table().schema
        counts = pinned_counts(next(ref for ref in snapshot if ref.table == config.source.rows))
        built = Partitions(connection, list(intervals), counts, rows_of)
        return replace_changed(built, uri, schema=laid_out(schema, _layout(config)), order=[TIME, *_key(config)])


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
