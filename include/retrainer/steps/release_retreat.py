"""Going back by itself: the version that a server refuses, or that broke its service level, does not stay.

No person is asked, and the version that is gone back to is not loaded here: the server has served it until now, and
tries it out before it swaps it in again.
"""

from collections.abc import Sequence
from functools import partial

from retrainer.contracts import Action, Entry, NewEntry, digest_json
from retrainer.deployment import is_wanted, standing
from retrainer.ledger import Ledger


def retreat_from(entry: Entry, ledger: Ledger) -> Entry | None:
    """The entry by which a retreat from `entry`, which put a version in production, was made; None: there was none."""
    return ledger.find(entry.model, _identity(entry))


def retreat(entry: Entry, ledger: Ledger, *, reason: str, actor: str) -> Entry | None:
    """Go back to the version before; where there is none, switch the model off, so that the rule answers.

    None where the version of `entry` is not in production any more: somebody else was faster.

    Raises:
        LedgerConflictError: other releases took the next place each time.
    """
    try:
        return ledger.write(entry.model, _identity(entry), partial(_entry, entry, reason, actor))
    except _GoneError:
        return None


class _GoneError(Exception):
    """The version is not in production any more."""


def _entry(left: Entry, reason: str, actor: str, entries: Sequence[Entry]) -> NewEntry:
    now = standing(entries)
    if not is_wanted(left, now):
        raise _GoneError
    action: Action = "switch_off" if now.previous is None else "rollback"
    version = now.previous or left.version
    as_of = next(each.as_of for each in entries if each.version == version)
    then = now.then(action, version, as_of=as_of)
    return NewEntry(
        model=left.model,
        action=action,
        version=version,
        previous_version=then.previous,
        champion_version=then.champion,
        as_of=as_of,
        identity=_identity(left),
        actor=actor,
        reason=f"back from v{left.version}: {reason}"[:2000],
        evidence={"from": now.champion, "to": then.champion, "automatic": True, "left": left.sequence},
    )


def _identity(entry: Entry) -> str:
    return digest_json({"action": "retreat", "of": entry.identity})
