"""From the ledger's entries to what a server has to serve. Pure."""

from collections.abc import Sequence

from pydantic import JsonValue

from retrainer.contracts import Assignment, Entry
from retrainer.deployment import standing

_MOVING = ("promote", "rollback")


def assignment_of(model: str, entries: Sequence[Entry]) -> Assignment:
    """What is to be served of `model` after `entries`, oldest first."""
    now = standing(entries)
    made_champion = [entry for entry in entries if entry.action in _MOVING and entry.champion_version == now.champion]
    return Assignment(
        model=model,
        sequence=now.sequence,
        champion=now.champion,
        since=now.since,
        reason=made_champion[-1].reason if made_champion else "",
        report_url=str(_evidence(entries, now.champion, "report_url") or ""),
        split=now.split,
        shadow=now.shadow,
        off=now.off,
    )


def _evidence(entries: Sequence[Entry], version: int | None, key: str) -> JsonValue:
    """What the newest entry about `version` that knows `key` says."""
    about = (entry.evidence.get(key) for entry in reversed(entries) if entry.version == version)
    return next((value for value in about if value), None)
