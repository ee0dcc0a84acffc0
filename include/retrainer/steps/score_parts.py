"""What mapped tasks have scored, taken together; and by which stamp they know that it belongs together."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from retrainer.contracts import ScoredPart, ScoredParts, ScorePart, StepRequest, TableRef, digest_json
from retrainer.errors import ConfigurationError
from retrainer.registry import RUNTIME, Version, Versions
from retrainer.scoring import PartFile, ScoredTable, Stamp, commit_parts
from retrainer.snapshots import pinned_counts, pinned_schema
from retrainer.steps.inputs import result_of

log = logging.getLogger(__name__)


def take_parts(
    request: StepRequest, features: TableRef, versions: Versions, *, uri: str
) -> tuple[ScoredTable, datetime] | None:
    """Commit what the tasks of score_part left, and say until when their version was trained.

    None where there were no such tasks, and where what they left is not the whole interval, scored by one version from
    the rows of `features`: then it has to be scored here.

    Raises:
        StoreConflictError: another run scored the interval at the same time.
    """
    if "score_part" not in request.inputs:
        return None
    parts = result_of(request, "score_part", ScoredParts).parts
    files = [PartFile(each.file.path, each.file.size, each.file.rows) for each in parts if each.file is not None]
    first = parts[0].part if parts else ScorePart(window=request.interval)
    if first.trained_until is None or not _belong_together(request, features, versions, parts=parts):
        return None
    if sum(file.rows for file in files) != pinned_counts(features).get(request.interval.key, 0):
        log.warning("the parts are not all rows of the interval: it is scored as a whole")
        return None
    key, schema = request.interval.key, pinned_schema(features)
    try:
        return commit_parts(files, key, part_stamp(first), features=schema, uri=uri), first.trained_until
    except FileNotFoundError as error:
        log.warning("%s is gone: the interval is scored as a whole", error)
        return None


def _belong_together(
    request: StepRequest, features: TableRef, versions: Versions, *, parts: Sequence[ScoredPart]
) -> bool:
    """Have all parts one stamp, and is it that of these features?"""
    first = parts[0].part
    version = versions.get(first.version) if first.version is not None else None
    if version is None or any(each.part.identity != first.identity for each in parts):
        return False
    return stamp_of(version, request, features).identity == first.identity


def planned_version(versions: Versions, part: ScorePart) -> Version:
    """The version that a part is scored by.

    Raises:
        ConfigurationError: the registry does not have it.
    """
    version = versions.get(part.version) if part.version is not None else None
    if version is None:
        raise ConfigurationError(f"v{part.version}, by which the part is to be scored, is not in the MLflow registry")
    return version


def part_stamp(part: ScorePart) -> Stamp:
    """What the rows of a part are stamped with.

    Raises:
        ConfigurationError: the part has no version.
    """
    if part.version is None or part.scored_at is None:
        raise ConfigurationError("the part has no version to be scored by")
    return Stamp(part.version, part.run_id, part.scored_at, part.identity)


def stamp_of(version: Version, request: StepRequest, features: TableRef) -> Stamp:
    """The same rows, the same files and the same runtime give the same predictions."""
    rows = [features.digest, features.window.start.isoformat(), features.window.end.isoformat(), request.interval.key]
    identity = digest_json([*rows, version.version, version.digest, runtime_of(version)])
    return Stamp(version.version, request.run_id, datetime.now(UTC), identity)


def runtime_of(version: Version) -> str:
    """What a server of this version uses."""
    return version.tags.get(RUNTIME, "scikit-learn")
