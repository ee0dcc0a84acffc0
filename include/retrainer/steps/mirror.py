"""The aliases in MLflow follow the ledger, and whoever moved one by hand is found out.

The registered model is tagged with the place in the ledger that its aliases follow. What the ledger has said since then
may be what an alias says: a run was killed between its entry and the alias. Anything else was done by hand, and is set
back and recorded as a `repair`. One mirror at a time (`Ledger.exclusive`): a slow one cannot overwrite a newer one.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice

from retrainer.contracts import Entry, NewEntry, digest_json
from retrainer.deployment import Standing, standing, standings
from retrainer.errors import ConfigurationError
from retrainer.ledger import Ledger
from retrainer.registry import CHALLENGER, CHAMPION, PREVIOUS, SHADOW, Versions

log = logging.getLogger(__name__)

FOLLOWS = "retrainer.ledger_sequence"
"""Tag of the registered model: number of the entry that its aliases follow."""

_ACTOR = "retrainer"
_DECIDED = ("promote", "reject", "rollback", "shadow")
"""Whatever one of these was about is no longer the challenger."""

Aliases = Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class _Moved:
    """An alias that somebody moved: what it names, and what it was to name when it was last seen to."""

    alias: str
    found: int | None
    expected: int | None


def report_moved(ledger: Ledger, versions: Versions, model: str) -> None:
    """Record what was moved by hand, before a step changes what the ledger says. The aliases are left to `mirror`.

    Raises:
        TrackingUnavailableError, LedgerUnavailableError: MLflow or the ledger does not answer.
    """
    with ledger.exclusive(model):
        follows, aliases = _follows(versions), versions.aliases()
        entries = ledger.entries(model)
        if entries:
            _record_moved(ledger, versions, entries, aliases=aliases, follows=follows)


def mirror(ledger: Ledger, versions: Versions, *, decided: Entry) -> None:
    """Let the aliases name what the ledger says, and mark the version of the entry `decided`.

    Raises:
        ConfigurationError: the ledger's champion is not in the registry.
        TrackingUnavailableError: MLflow does not answer. Running it again finishes what was begun.
        LedgerUnavailableError: the ledger does not answer. No alias was moved.
    """
    with ledger.exclusive(decided.model):
        follows, aliases = _follows(versions), versions.aliases()
        entries = ledger.entries(decided.model)
        if _record_moved(ledger, versions, entries, aliases=aliases, follows=follows):
            entries = ledger.entries(decided.model)
        now = standing(entries)
        _check_champion(versions, now, decided.model)
        _set_aliases(versions, now, aliases)
        if aliases.get(CHALLENGER) in {entry.version for entry in entries if entry.action in _DECIDED}:
            versions.delete_alias(CHALLENGER)
        if follows != entries[-1].sequence:
            versions.tag_model({FOLLOWS: str(entries[-1].sequence)})
    versions.tag(decided.version, {"retrainer.release": f"{decided.action} (entry {decided.sequence})"})


def _follows(versions: Versions) -> int:
    """The place in the ledger that the aliases followed last; 0 where nobody has said."""
    text = versions.model_tags().get(FOLLOWS, "")
    return int(text) if text.isdigit() else 0


def _record_moved(
    ledger: Ledger, versions: Versions, entries: Sequence[Entry], *, aliases: Aliases, follows: int
) -> int:
    """Write an entry `repair` for each alias that was moved by hand, once for each time; how many there are."""
    moved = [each for each in _moved(entries, aliases, follows) if not _is_gone(versions, each)]
    for each in moved:
        identity = digest_json({"action": "repair", "model": entries[-1].model, "follows": follows, **asdict(each)})
        if not any(entry.identity == identity for entry in entries):
            repair = ledger.write(entries[-1].model, identity, partial(_repair, each, identity))
            log.warning("%s, entry %d of the ledger: %s", repair.model, repair.sequence, repair.reason)
    return len(moved)


def _moved(entries: Sequence[Entry], aliases: Aliases, follows: int) -> list[_Moved]:
    """Aliases that name nothing that the ledger said at their place, or at any later one."""
    said = [_said(at) for at in islice(standings(entries), min(follows, len(entries)), None)]
    return [
        _Moved(alias, aliases.get(alias), said[0][alias])
        for alias in said[0]
        if aliases.get(alias) not in [each[alias] for each in said]
    ]


def _is_gone(versions: Versions, moved: _Moved) -> bool:
    """Was the version deleted, and the alias with it?"""
    return moved.found is None and moved.expected is not None and versions.get(moved.expected) is None


def _said(at: Standing) -> Aliases:
    return {CHAMPION: at.champion, PREVIOUS: at.previous, SHADOW: at.shadow}


def _repair(moved: _Moved, identity: str, entries: Sequence[Entry]) -> NewEntry:
    now = standing(entries)
    about = now.champion or moved.found or entries[-1].version
    as_of = next((entry.as_of for entry in reversed(entries) if entry.version == about), entries[-1].as_of)
    found, expected = _version(moved.found), _version(moved.expected)
    return NewEntry(
        model=entries[-1].model,
        action="repair",
        version=about,
        previous_version=now.previous,
        champion_version=now.champion,
        as_of=as_of,
        identity=identity,
        actor=_ACTOR,
        reason=f"alias {moved.alias} named {found}, the ledger says {expected}: set back",
        evidence=asdict(moved),
    )


def _version(number: int | None) -> str:
    return f"v{number}" if number is not None else "nothing"


def _check_champion(versions: Versions, now: Standing, model: str) -> None:
    if now.champion is not None and versions.get(now.champion) is None:
        raise ConfigurationError(
            f"the ledger says that v{now.champion} of {model} is in production, and it is not in the MLflow registry",
            hint=f"Restore it there, or put another one in production: retrainer rollback {model} --to VERSION.",
        )


def _set_aliases(versions: Versions, now: Standing, aliases: Aliases) -> None:
    for alias, version in _said(now).items():
        found, wanted = aliases.get(alias), version
        if wanted is not None and wanted != found and versions.get(wanted) is None:
            log.warning("v%d is not in the MLflow registry: no alias %s", wanted, alias)
            wanted = None
        if wanted == found:
            continue
        log.info("alias %s: %s, now %s", alias, _version(found), _version(wanted))
        if wanted is None:
            versions.delete_alias(alias)
        else:
            versions.set_alias(alias, wanted)
