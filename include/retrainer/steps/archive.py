"""archive: versions beyond those that are kept lose their files, and their data what no kept version was trained on.

The ledger entry comes first, the files go after it. So a rollback either finds the entry and refuses, or is in the
ledger before it and the version is kept. Killed at any point, the next archive goes on where this one stopped.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import Archive, Entry, NewEntry, StepRequest, digest_json
from retrainer.deployment import standing
from retrainer.errors import LedgerConflictError
from retrainer.ledger import Ledger
from retrainer.registry import ARCHIVED, IDENTITY, PINNED, Tracking, Version, Versions, delete_files
from retrainer.scoring import scored_uri
from retrainer.snapshots import DataPlace, remove_staging, vacuum, vacuum_model
from retrainer.steps.inputs import declaration
from retrainer.steps.recorded import pinned_tables
from retrainer.steps.tracking import connect_tracking

log = logging.getLogger(__name__)

RETENTION = timedelta(days=7)
"""Data that were replaced, and staging tables last written, within this time stay: a run may be reading them."""

_ACTOR = "maintenance"
_DECISIONS = ("promote", "reject", "rollback", "split", "shadow")
_TRIES = 20


def run(request: StepRequest, settings: RuntimeSettings) -> Archive:
    """Archive the versions of a model that nothing needs, and vacuum its data."""
    return archive(request, settings, retention=RETENTION)


def archive(request: StepRequest, settings: RuntimeSettings, *, retention: timedelta) -> Archive:
    """See `run`; `retention` is how long replaced data stay.

    Raises:
        LedgerConflictError: other releases came first each time. Nothing was deleted that is not in the ledger.
        BadDataError: a kept version does not say which data it was trained on. No data were deleted.
    """
    config = declaration(request)
    tracking = connect_tracking(settings)
    versions, ledger = Versions(tracking, config.name), Ledger.open(settings.ledger_url)
    kept = _enter(ledger, versions, config.name, newest=config.deployment.keep_versions)
    archived, freed = _delete(tracking, versions, ledger.entries(config.name))
    place = DataPlace(settings.data_uri, config.name)
    in_use = _tables_in_use([version for version in versions.all() if version.version in kept])
    freed += vacuum_model(place, keep=in_use, retention=retention)
    freed += vacuum(scored_uri(settings.data_uri, config.name), keep=(), retention=retention)
    freed += remove_staging(place, before=datetime.now(UTC) - retention)
    log.info("%d versions archived, %d kept, %d bytes freed", len(archived), len(kept), freed)
    return Archive(model=config.name, archived=archived, kept=kept, freed_bytes=freed)


def needed(
    versions: Sequence[Version], aliases: Mapping[str, int], entries: Sequence[Entry], *, newest: int
) -> dict[int, str]:
    """The versions that keep their files, and why."""
    now = standing(entries)
    decided = {entry.version for entry in entries if entry.action in _DECISIONS}
    recent = {version.version for version in versions[-newest:]}
    reasons: dict[int, str] = {}
    for version in versions:
        named = sorted(alias for alias, number in aliases.items() if number == version.version)
        if version.version in now.archived:
            continue
        if version.version == now.champion:
            reasons[version.version] = "champion"
        elif version.version == now.previous:
            reasons[version.version] = "previous: a rollback goes to it"
        elif version.version in now.on_trial:
            reasons[version.version] = "on trial: it gets a share of the traffic, or answers in the shadow"
        elif version.tags.get(PINNED) == "true":
            reasons[version.version] = f"pinned by the tag {PINNED}"
        elif named:
            reasons[version.version] = f"alias {', '.join(named)}"
        elif version.version not in decided:
            reasons[version.version] = "not decided yet"
        elif version.version in recent:
            reasons[version.version] = f"one of the newest {newest}"
    return reasons


def _enter(ledger: Ledger, versions: Versions, model: str, *, newest: int) -> dict[int, str]:
    """Enter every version that is not needed into the ledger as archived; those that are kept, and why.

    Each entry is written on what is there just then: if anything was released meanwhile, all is looked at again.
    """
    conflicts = 0
    while True:
        entries, there = ledger.entries(model), versions.all()
        kept = needed(there, versions.aliases(), entries, newest=newest)
        gone = standing(entries).archived
        doomed = next((each for each in there if each.version not in kept and each.version not in gone), None)
        if doomed is None:
            return kept
        try:
            written = ledger.append(_entry(doomed, entries, newest=newest), after=entries[-1].sequence)
            log.info("entry %d of the ledger: archive v%d", written.sequence, written.version)
        except LedgerConflictError:
            conflicts += 1
            if conflicts == _TRIES:
                raise
            log.info("another release came first; looking again at what is needed now")


def _entry(version: Version, entries: Sequence[Entry], *, newest: int) -> NewEntry:
    now = standing(entries)
    decided = next(entry for entry in entries if entry.version == version.version and entry.action in _DECISIONS)
    return NewEntry(
        model=version.name,
        action="archive",
        version=version.version,
        previous_version=now.previous,
        champion_version=now.champion,
        as_of=decided.as_of,
        identity=digest_json([version.name, "archive", version.version]),
        actor=_ACTOR,
        reason=f"v{version.version} is not one of the newest {newest} versions, and nothing else needs its files",
        evidence={"source": version.source, "artifact_digest": version.digest, "keep_versions": newest},
    )


def _delete(tracking: Tracking, versions: Versions, entries: Sequence[Entry]) -> tuple[tuple[int, ...], int]:
    """Delete the files of archived versions that still have them: their numbers, and how many bytes that freed."""
    entered = {entry.version: entry for entry in entries if entry.action == "archive"}
    deleted, freed = [], 0
    for version in versions.all():
        if version.version in entered and ARCHIVED not in version.tags:
            freed += delete_files(tracking, version)
            versions.tag(version.version, {ARCHIVED: entered[version.version].created_at.isoformat()})
            deleted.append(version.version)
    return tuple(deleted), freed


def _tables_in_use(versions: Sequence[Version]) -> dict[str, set[int]]:
    """The versions of Delta tables that model versions were trained on, by table."""
    in_use: dict[str, set[int]] = defaultdict(set)
    for version in versions:
        if IDENTITY in version.tags:  # others were registered by hand and have no data here
            features, snapshot = pinned_tables(version)
            for ref in (features, *snapshot):
                in_use[ref.table].add(ref.version)
    return in_use
