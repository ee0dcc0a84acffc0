"""score_part: what the planned version says of one part of an interval, beside the tasks that score the others."""

from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import FeatureSet, ScoredFile, ScoredPart, ScorePart, StepRequest
from retrainer.contracts.columns import TIME
from retrainer.registry import Versions
from retrainer.scoring import Scorer, Unscored, scored_uri, write_part
from retrainer.snapshots import connect, open_view
from retrainer.steps.inputs import declaration, part_of, result_of
from retrainer.steps.score import MEMORY_MB, load_to_score, predict_by
from retrainer.steps.score_parts import part_stamp, planned_version
from retrainer.steps.tracking import connect_tracking


def run(request: StepRequest, settings: RuntimeSettings) -> ScoredPart:
    """Score the rows of the part into a file of the table of batch predictions; score makes it one with the others.

    A file that is never taken, because a task was tried again, is found by nobody, and vacuumed.

    Raises:
        ConfigurationError: the version reads a column that the feature table does not have, or is not in the registry.
        UnsafeArtifactError: its files are not what was registered.
        BadDataError: it gives no finite number for a row.
    """
    config = declaration(request)
    features = result_of(request, "build_features", FeatureSet).table
    part = part_of(request, ScorePart)
    if part.version is None:
        return ScoredPart(part=part)
    version = planned_version(Versions(connect_tracking(settings), config.name), part)
    model = load_to_score(version, request)
    scorer = Scorer(model.facts.columns, predict_by(model, version), part_stamp(part))
    with connect(memory_mb=MEMORY_MB) as connection:
        open_view(connection, features.model_copy(update={"window": request.interval}), "interval_rows")
        inside = f"{TIME} >= '{part.window.start.isoformat()}' AND {TIME} < '{part.window.end.isoformat()}'"
        connection.execute(f"CREATE TEMP VIEW unscored AS SELECT * FROM interval_rows WHERE {inside}")
        unscored = Unscored(connection, "unscored", [request.interval.key])
        written = write_part(unscored, scorer, scored_uri(settings.data_uri, config.name))
    file = ScoredFile(path=written.path, size=written.size, rows=written.rows) if written else None
    return ScoredPart(part=part, file=file)
