"""Does a registered version, loaded afresh, still say what it said when it was trained?"""

import logging

from retrainer.errors import BadDataError, UnsafeArtifactError
from retrainer.evaluation import canonical_failures, predictions_of
from retrainer.registry import Version, load_model

log = logging.getLogger(__name__)

_MOST_NAMED = 5


def check_reproduces(version: Version, *, recorded: str | None = None) -> tuple[str, ...]:
    """What was checked, in words, one line a check. `recorded` is the digest of the files that the ledger knows.

    Raises:
        TrackingUnavailableError: MLflow does not give the files.
        UnsafeArtifactError: the files are not those that were registered, or do not predict as they did.
        BadDataError: a canonical input, of those declared when it was trained, does not give what is expected.
    """
    name = f"{version.name} v{version.version}"
    check_digest(version, recorded=recorded)
    loaded = load_model(version.source, digest=version.digest)
    output = predictions_of(loaded.pipeline, loaded.sample_inputs).output
    if output.tobytes() != loaded.sample_outputs.tobytes():
        raise UnsafeArtifactError(f"{name}, loaded afresh, does not predict what it did when it was trained")
    cases = loaded.facts.canonical
    failures = canonical_failures(cases, loaded.pipeline, loaded.sample_inputs)
    if failures:
        raise BadDataError(f"{name} does not pass its canonical inputs: {'; '.join(failures[:_MOST_NAMED])}")
    rows = len(loaded.sample_inputs)
    log.info("%s is intact; %d sample rows and %d canonical inputs give what they did", name, rows, len(cases))
    return (
        f"the files have the recorded digest {version.digest[:12]}",
        f"{rows} sample rows give the recorded output to the byte",
        f"{len(cases)} canonical inputs give what is expected" if cases else "no canonical input was declared",
    )


def check_digest(version: Version, *, recorded: str | None) -> None:
    """Do the registry and the ledger say the same of a version's files? `recorded` is what the ledger says, if at all.

    Raises:
        UnsafeArtifactError: they do not, or the registry says nothing.
    """
    name = f"{version.name} v{version.version}"
    if not version.digest:
        raise UnsafeArtifactError(
            f"{name} was not registered by Retrainer: no digest of its files is recorded, so it is not loaded"
        )
    if recorded is not None and recorded != version.digest:
        raise UnsafeArtifactError(
            f"{name} is not loaded: the registry says that the digest of its files is {version.digest}, "
            f"the ledger {recorded}"
        )
