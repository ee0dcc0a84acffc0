"""What the ledger's entries recorded about a version when it was decided about."""

from collections.abc import Sequence

from retrainer.contracts import Entry


def recorded_digest(entries: Sequence[Entry], version: int) -> str | None:
    """SHA-256 (hex) over the files of a version, from the first of `entries`, oldest first, that knows it; else None.

    The first one was written when the version was trained, by what had trained it; later ones copy the registry.
    """
    said = (entry.evidence.get("artifact_digest") for entry in entries if entry.version == version)
    return next((digest for digest in said if isinstance(digest, str) and digest), None)
