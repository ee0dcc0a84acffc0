"""Switching a model off and on: a server answers with the rule until a person has the model answer again."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from retrainer.contracts import Entry, NewEntry
from retrainer.deployment import standing
from retrainer.errors import ConfigurationError
from retrainer.ledger import Ledger

_MAX_REASON = 2000


@dataclass(frozen=True, slots=True)
class Switch:
    """What a person asks for. The same `identity` is the same request."""

    model: str
    off: bool
    reason: str
    actor: str
    identity: str

    def __post_init__(self) -> None:
        if not self.reason.strip() or len(self.reason) > _MAX_REASON:
            raise ConfigurationError(
                f"a switch needs a reason: a text of 1 to {_MAX_REASON} characters, got {self.reason[:50]!r}"
            )


def switch(asked: Switch, ledger: Ledger) -> tuple[Entry, bool]:
    """The entry since which the model is switched as asked, and whether it is new.

    Raises:
        ConfigurationError: the model has no entry in the ledger: there is nothing to switch.
        LedgerConflictError: other releases took the next place each time.
    """
    try:
        return ledger.write(asked.model, asked.identity, partial(_entry, asked)), True
    except _AlreadyError as already:
        return already.since, False


class _AlreadyError(Exception):
    """The model is switched as asked, since the entry `since`."""

    def __init__(self, since: Entry) -> None:
        super().__init__(since.sequence)
        self.since = since


def _entry(asked: Switch, entries: Sequence[Entry]) -> NewEntry:
    if not entries:
        raise ConfigurationError(f"the ledger has no entry of {asked.model}", hint="Train it first.")
    now = standing(entries)
    if now.off == asked.off:
        switched = (entry for entry in reversed(entries) if entry.action in ("switch_off", "switch_on"))
        raise _AlreadyError(next(switched, entries[0]))
    version = now.champion or entries[-1].version
    return NewEntry(
        model=asked.model,
        action="switch_off" if asked.off else "switch_on",
        version=version,
        previous_version=now.previous,
        champion_version=now.champion,
        as_of=next(entry.as_of for entry in entries if entry.version == version),
        identity=asked.identity,
        actor=asked.actor[:200],
        reason=asked.reason.strip(),
        evidence={},
    )
