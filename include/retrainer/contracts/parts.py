"""Parts of a step's work, which mapped tasks do beside each other; the step itself puts them together."""

from pydantic import Field

from retrainer.contracts.base import Contract, UtcDatetime
from retrainer.contracts.interval import Interval
from retrainer.contracts.model import TableVersion


class FeaturePart(Contract):
    """What one task builds the features of: the rows whose event lies in `window`, whole intervals. `rows` counts those
    of the row table."""

    window: Interval
    rows: int = Field(ge=0)


class FeatureParts(Contract):
    """Result of plan_features: at least one part; together they are the windows of the run."""

    parts: tuple[FeaturePart, ...] = Field(min_length=1)


class BuiltPart(Contract):
    """Result of build_part. `table` is the version of the feature table in which a partition of the part last changed:
    as long as none changes after it, the part is as it was built."""

    part: FeaturePart
    table: TableVersion


class BuiltParts(Contract):
    """What the tasks of build_part left, in no order."""

    parts: tuple[BuiltPart, ...]


class ScorePart(Contract):
    """What one task scores: the rows of the run's interval whose event lies in `window`, as the plan counted them.

    All parts have the same stamp, so that one version scores the whole interval, whatever is released meanwhile:
    `version`, `run_id`, `scored_at` and `identity` as rows will have them. Without a version there is nothing to do.
    `trained_until` is the end of what the version learned from.
    """

    window: Interval
    rows: int = Field(default=0, ge=0)
    version: int | None = None
    run_id: str = ""
    scored_at: UtcDatetime | None = None
    identity: str = ""
    trained_until: UtcDatetime | None = None


class ScoreParts(Contract):
    """Result of plan_score: at least one part; together they are the run's interval."""

    parts: tuple[ScorePart, ...] = Field(min_length=1)


class ScoredFile(Contract):
    """A Parquet file in the folder of the table of batch predictions that no version of the table has yet.

    `path` is below the table's folder, `size` is in bytes.
    """

    path: str
    size: int = Field(ge=0)
    rows: int = Field(ge=1)


class ScoredPart(Contract):
    """Result of score_part; no file where the part has no rows."""

    part: ScorePart
    file: ScoredFile | None = None


class ScoredParts(Contract):
    """What the tasks of score_part left, in no order."""

    parts: tuple[ScoredPart, ...]
