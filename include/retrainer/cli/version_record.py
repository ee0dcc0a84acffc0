"""What the ledger says of one version. Pure: entries in, record out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from pydantic import JsonValue, ValidationError

from retrainer.cli.records import LINKS
from retrainer.contracts import Decision, Entry
from retrainer.deployment import standing, standings


@dataclass(frozen=True, slots=True)
class VersionRecord:
    """One version as the ledger has it.

    `placed` put it in production, the last time that happened; `removed` is the rollback since which it is barred;
    `decided` is the verdict of the run that trained it, `decision` what compare found then; `previous` is the version
    that a rollback of the model goes to now.
    """

    model: str
    version: int
    state: str
    since: datetime | None
    previous: int | None
    barred: bool
    archived: bool
    as_of: datetime
    placed: Entry | None
    removed: Entry | None
    decided: Entry | None
    approved: Entry | None
    decision: Decision | None
    links: Mapping[str, str]
    artifact_digest: str
    entries: Sequence[Entry]

    def to_json(self) -> dict[str, JsonValue]:
        """The same as JSON; entries the oldest first."""
        return {
            "model": self.model,
            "version": self.version,
            "state": self.state,
            "since": self.since.isoformat() if self.since else None,
            "previous": self.previous,
            "barred": self.barred,
            "archived": self.archived,
            "as_of": self.as_of.isoformat(),
            "placed": self.placed.model_dump(mode="json") if self.placed else None,
            "removed": self.removed.model_dump(mode="json") if self.removed else None,
            "approved": self.approved.model_dump(mode="json") if self.approved else None,
            "decision": self.decision.model_dump(mode="json") if self.decision else None,
            "links": dict(self.links),
            "artifact_digest": self.artifact_digest,
            "entries": [entry.model_dump(mode="json") for entry in self.entries],
        }


def read_record(entries: Sequence[Entry], version: int) -> VersionRecord:
    """The record of a version that `entries`, all those of a model, are about at least once."""
    now = standing(entries)
    about = [entry for entry in entries if entry.version == version]
    decided = _last(about, "promote", "reject", "split", "shadow")
    evidence: dict[str, JsonValue] = {}
    for entry in about:
        evidence |= {name: value for name, value in entry.evidence.items() if value}
    is_champion = version == now.champion
    return VersionRecord(
        model=entries[0].model,
        version=version,
        state=_state(entries, version),
        since=now.since if is_champion else None,
        previous=now.previous,
        barred=version in now.barred,
        archived=version in now.archived,
        as_of=about[0].as_of,
        placed=_last(about, "promote", "rollback"),
        removed=_removed(entries, version),
        decided=decided,
        approved=_last(about, "approve"),
        decision=_decision(decided),
        links={name: str(evidence[name]) for name in LINKS if name in evidence},
        artifact_digest=str(evidence.get("artifact_digest", "")),
        entries=about,
    )


def _state(entries: Sequence[Entry], version: int) -> str:
    now = standing(entries)
    if version == now.champion:
        switched_off = "; switched off, the rule answers" if now.off else ""
        return f"in production since {now.since:%Y-%m-%d %H:%M} UTC{switched_off}"
    words = []
    if now.split is not None and version == now.split.version:
        words.append(f"on trial, it gets {now.split.percent} % of the traffic")
    elif version == now.shadow:
        words.append("in the shadow, it answers unseen")
    elif version == now.previous:
        words.append("the one before the champion")
    elif version in now.barred:
        words.append("rolled away from, no run promotes it again")
    elif version in now.stack:
        words.append("was in production")
    else:
        words.append("never in production")
    if version in now.archived:
        words.append("archived, its files are deleted")
    return "; ".join(words)


def _removed(entries: Sequence[Entry], version: int) -> Entry | None:
    """The entry since which `version` is barred; None where it is not."""
    found = None
    for entry, (before, after) in zip(entries, pairwise(standings(entries)), strict=True):
        if version not in after.barred:
            found = None
        elif version not in before.barred:
            found = entry
    return found


def _last(entries: Sequence[Entry], *actions: str) -> Entry | None:
    return next((entry for entry in reversed(entries) if entry.action in actions), None)


def _decision(entry: Entry | None) -> Decision | None:
    """What compare decided; None for an entry whose evidence holds none that this version understands."""
    try:
        return Decision.model_validate(entry.evidence.get("decision")) if entry else None
    except ValidationError:
        return None
