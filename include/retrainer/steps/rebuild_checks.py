"""What was trained again beside what was registered: one comparison after the other, and which difference explains it.

Pure. The checks are in the order in which one thing follows from another: what the model was made by and from comes
before what came out.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from retrainer.contracts import RebuildCheck, TableRef, canonical_json, digest_json
from retrainer.steps.provenance import Provenance
from retrainer.steps.recorded import Recorded

_ENVIRONMENT = ("lock", "software")
"""These may differ years later without any effect: they are named as a cause only where the predictions differ."""

_NOTES = (*_ENVIRONMENT, "artifact")
"""Checks that do not decide whether the rebuilt version is the registered one."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out of training a version again, and what that was made by and from.

    `made_by` has the digest of the code that is saved with the version, and lock and commit of today. `identity` is
    that of the training with the recorded code and lock. `outputs` are for the sample that is saved with the version,
    `onnx` is None where no ONNX model is saved with it.
    """

    made_by: Provenance
    libraries: tuple[str, ...]
    snapshot: tuple[TableRef, ...]
    features: TableRef
    identity: str
    parameters: dict[str, JsonValue]
    outputs: NDArray[np.float64]
    recorded_outputs: NDArray[np.float64]
    content: str
    recorded_content: str
    onnx: bytes | None
    recorded_onnx: bytes | None


def rebuild_checks(recorded: Recorded, outcome: Outcome) -> tuple[RebuildCheck, ...]:
    """Every comparison, causes first."""
    configuration, software = _configuration(recorded), _software(recorded, outcome)
    return (
        _code(recorded, outcome),
        _lock(recorded, outcome),
        _data(recorded, outcome),
        _seed(recorded),
        configuration,
        software,
        _features(recorded, outcome),
        _examples(recorded, outcome, comparable=bool(configuration.matches and software.matches)),
        _parameters(recorded, outcome),
        _predictions(outcome),
        _artifact(outcome),
    )


def first_difference(checks: Sequence[RebuildCheck]) -> str:
    """The name of the first check that tells the rebuilt version from the registered one; empty if none does.

    The environment counts only where the predictions differ: otherwise it had no effect.
    """
    differing = [check.name for check in checks if check.matches is False]
    if not [name for name in differing if name not in _NOTES]:
        return ""
    without_effect = () if "predictions" in differing else _ENVIRONMENT
    return next(name for name in differing if name not in without_effect)


def _code(recorded: Recorded, outcome: Outcome) -> RebuildCheck:
    return _equal(
        "code",
        recorded.version.tags.get("retrainer.code_digest", ""),
        outcome.made_by.code_digest,
        same="the model's own code, as it is saved with the version",
        differs="the code that is saved with the version is not the code that it was trained with",
    )


def _lock(recorded: Recorded, outcome: Outcome) -> RebuildCheck:
    libraries = ": " + ", ".join(outcome.libraries) if outcome.libraries else "; not in a library the model needs"
    return _equal(
        "lock",
        recorded.version.tags.get("retrainer.lock_digest", ""),
        outcome.made_by.lock_digest,
        same="requirements.lock is the same",
        differs=f"requirements.lock differs{libraries}",
    )


def _data(recorded: Recorded, outcome: Outcome) -> RebuildCheck:
    if not recorded.snapshot:
        message = "no snapshot was pinned: rebuilt from the pinned feature table"
        return RebuildCheck(name="data", matches=None, expected="", found="", message=message)
    pairs = list(zip(recorded.snapshot, outcome.snapshot, strict=True))
    altered = [f"{then.table} version {then.version}" for then, now in pairs if then != now]
    return _equal(
        "data",
        _digests(recorded.snapshot),
        _digests(outcome.snapshot),
        same=f"{sum(ref.rows for ref in outcome.snapshot):,} rows of the pinned snapshot",
        differs=f"the rows of {', '.join(altered)} are not those that were pinned",
    )


def _seed(recorded: Recorded) -> RebuildCheck:
    return _equal(
        "seed",
        recorded.run.parameters.get("seed", ""),
        str(recorded.config.seed),
        same="the seed of the declaration is the one that the run logged",
        differs="the seed of the declaration is not the one that the run logged",
    )


def _configuration(recorded: Recorded) -> RebuildCheck:
    return _equal(
        "configuration",
        recorded.version.tags.get("retrainer.config_digest", ""),
        digest_json(recorded.declared),
        same="the declaration that the run kept is the registered one",
        differs="the declaration that the run kept is not the registered one",
    )


def _software(recorded: Recorded, outcome: Outcome) -> RebuildCheck:
    expected = _named(recorded.run.tags.get("retrainer.version", ""), recorded.version.tags.get("retrainer.commit", ""))
    found = _named(outcome.made_by.version, outcome.made_by.commit)
    return _equal(
        "software", expected, found, same=f"Retrainer {found}", differs=f"Retrainer {expected} then, {found} now"
    )


def _features(recorded: Recorded, outcome: Outcome) -> RebuildCheck:
    built = "built again" if recorded.snapshot else "of the pinned feature table"
    return _equal(
        "features",
        recorded.features.digest,
        outcome.features.digest,
        same=f"{outcome.features.rows:,} rows of features, {built}",
        differs=f"the features, {built}, are not those that were pinned ({recorded.features.rows:,} rows then, "
        f"{outcome.features.rows:,} now)",
    )


def _examples(recorded: Recorded, outcome: Outcome, *, comparable: bool) -> RebuildCheck:
    """Their digests are in the identity, with the configuration, put together as the software does it."""
    check = _equal(
        "examples",
        recorded.version.tags.get("retrainer.identity", ""),
        outcome.identity,
        same=f"{recorded.trained.rows:,} examples to learn from, and those to be judged on",
        differs="the examples that come out of the features are not those that were used",
    )
    if check.matches or comparable:
        return check
    message = "not compared: their digest also has the configuration, or is of other software"
    return check.model_copy(update={"matches": None, "message": message})


def _parameters(recorded: Recorded, outcome: Outcome) -> RebuildCheck:
    searched = recorded.config.estimator.search is not None
    return _equal(
        "parameters",
        canonical_json(recorded.trained.parameters),
        canonical_json(outcome.parameters),
        same="the parameters that the search found" if searched else "the declared parameters",
        differs="the search found other parameters" if searched else "the declared parameters are not those used",
    )


def _predictions(outcome: Outcome) -> RebuildCheck:
    then, now = outcome.recorded_outputs, outcome.outputs
    return _equal(
        "predictions",
        hashlib.sha256(then.tobytes()).hexdigest(),
        hashlib.sha256(now.tobytes()).hexdigest(),
        same=f"{len(now)} predictions of the saved sample, equal to the byte",
        differs=_difference(then, now),
    )


def _difference(then: NDArray[np.float64], now: NDArray[np.float64]) -> str:
    if then.shape != now.shape:
        return f"{len(now)} predictions instead of {len(then)}"
    apart = np.abs(now - then)
    return f"{np.count_nonzero(apart)} of {len(now)} predictions of the saved sample differ, by up to {apart.max():.3g}"


def _artifact(outcome: Outcome) -> RebuildCheck:
    rest = "compared without the times and memory addresses in it; MLmodel, which holds ids and times, is not compared"
    same = "model.skops has the same content"
    differing = [] if outcome.content == outcome.recorded_content else ["model.skops has another content"]
    if outcome.recorded_onnx is not None:
        same += " and model.onnx the same bytes"
        differing += [] if outcome.onnx == outcome.recorded_onnx else ["model.onnx has other bytes"]
    return _equal(
        "artifact",
        _artifact_digest(outcome.recorded_content, outcome.recorded_onnx),
        _artifact_digest(outcome.content, outcome.onnx),
        same=f"{same} ({rest})",
        differs=f"{' and '.join(differing)} ({rest})",
    )


def _artifact_digest(content: str, onnx: bytes | None) -> str:
    return content if onnx is None else f"{content} {hashlib.sha256(onnx).hexdigest()}"


def _named(version: str, commit: str) -> str:
    return f"{version} ({commit[:12]})" if commit else version


def _digests(refs: Sequence[TableRef]) -> str:
    return " ".join(f"{ref.table}={ref.digest}" for ref in refs)


def _equal(name: str, expected: str, found: str, *, same: str, differs: str) -> RebuildCheck:
    matches = expected == found
    return RebuildCheck(
        name=name, matches=matches, expected=expected, found=found, message=same if matches else differs
    )
