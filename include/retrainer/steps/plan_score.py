"""plan_score: by which version an interval is scored, and into which parts it is cut for that."""

import logging
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

import duckdb

from retrainer.config.mapping import TaskMapping
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import FeatureSet, Interval, ScorePart, ScoreParts, StepRequest, TableRef
from retrainer.contracts.columns import TIME
from retrainer.deployment import standing
from retrainer.ledger import Ledger
from retrainer.registry import Versions
from retrainer.scoring import is_scored, scored_uri
from retrainer.snapshots import connect, open_view, pinned_counts, pinned_schema
from retrainer.steps.inputs import declaration, result_of
from retrainer.steps.score import MEMORY_MB, champion_of, load_to_score, reason_to_skip
from retrainer.steps.score_parts import stamp_of
from retrainer.steps.tracking import connect_tracking

log = logging.getLogger(__name__)


def run(request: StepRequest, settings: RuntimeSettings) -> ScoreParts:
    """Cut the rows of the request's interval into parts by their event time, about as many rows each.

    Where there is nothing to score, as score would find, the one part has no version. Rows of one moment are never cut.

    Raises:
        ConfigurationError: the version in production is not in the registry.
        UnsafeArtifactError: its files are not what was registered.
    """
    config = declaration(request)
    features = result_of(request, "build_features", FeatureSet).table
    nothing = ScoreParts(parts=(ScorePart(window=request.interval),))
    now = standing(Ledger.open(settings.ledger_url).entries(config.name))
    reason = reason_to_skip(now)
    rows = pinned_counts(features).get(request.interval.key, 0)
    if reason or not rows:
        log.info("nothing is scored: %s", reason or "the interval has no rows")
        return nothing
    version = champion_of(Versions(connect_tracking(settings), config.name), now)
    stamp = stamp_of(version, request, features)
    uri = scored_uri(settings.data_uri, config.name)
    if is_scored(uri, request.interval.key, stamp, features=pinned_schema(features)):
        log.info("v%d has scored these rows before", version.version)
        return nothing
    part = ScorePart(
        window=request.interval,
        version=stamp.version,
        run_id=stamp.run_id,
        scored_at=stamp.scored_at,
        identity=stamp.identity,
        trained_until=load_to_score(version, request).facts.training.end,
    )
    windows = _cut(features, request.interval, rows, config.runtime.mapping)
    log.info("%d rows are scored by v%d in %d parts", rows, version.version, len(windows))
    return ScoreParts(parts=tuple(part.model_copy(update={"window": each, "rows": count}) for each, count in windows))


def _cut(features: TableRef, interval: Interval, rows: int, mapping: TaskMapping) -> list[tuple[Interval, int]]:
    """Stretches of the interval, in order, with their rows."""
    number = max(1, min(mapping.tasks, rows // mapping.rows_per_task))
    with connect(memory_mb=MEMORY_MB) as connection:
        open_view(connection, features.model_copy(update={"window": interval}), "rows_to_cut")
        bounds = _bounds(connection, interval, number) if number > 1 else []
        edges = [interval.start, *bounds, interval.end]
        windows = [Interval(start=start, end=end) for start, end in pairwise(edges)]
        return [(window, _count(connection, window)) for window in windows]


def _bounds(connection: duckdb.DuckDBPyConnection, interval: Interval, number: int) -> Sequence[datetime]:
    """Moments inside the interval that cut its rows into `number` parts; fewer where many rows are of one moment."""
    shares = [place / number for place in range(1, number)]
    query = f"SELECT approx_quantile(epoch_us({TIME}), {shares}) FROM rows_to_cut"
    ((found,),) = connection.execute(query).fetchall()
    moments = {datetime.fromtimestamp(int(each) // 1_000_000, tz=interval.start.tzinfo) for each in found}
    return sorted(each for each in moments if interval.start < each < interval.end)


def _count(connection: duckdb.DuckDBPyConnection, window: Interval) -> int:
    query = f"SELECT count(*) FROM rows_to_cut WHERE {TIME} >= ? AND {TIME} < ?"
    ((count,),) = connection.execute(query, [window.start, window.end]).fetchall()
    return int(count)
