"""What the entries of the ledger come to: which version is in production, what a rollback goes to, what is barred.

The versions in production form a stack. A promotion puts one on top; a rollback takes off what lies above its target.
So rolling back twice goes back two versions, never back and forth. Pure: entries in, standing out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from retrainer.contracts import Entry


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a model stands after its last entry.

    `stack` are the versions in production, oldest first, the champion last. `barred` were rolled away from and not put
    back by a person since: no run promotes them again. `archived` have no files any more. `trained_until` is the newest
    as_of of all that was ever promoted: a challenger must have looked further.
    """

    sequence: int = 0
    stack: tuple[int, ...] = ()
    since: datetime | None = None
    barred: frozenset[int] = frozenset()
    archived: frozenset[int] = frozenset()
    trained_until: datetime | None = None

    @property
    def champion(self) -> int | None:
        """The version in production."""
        return self.stack[-1] if self.stack else None

    @property
    def previous(self) -> int | None:
        """The version that a rollback goes to: the one before the champion whose files are still there."""
        return next((version for version in reversed(self.stack[:-1]) if version not in self.archived), None)


def standing(entries: Sequence[Entry]) -> Standing:
    """Replay the entries of one model, oldest first."""
    now = Standing()
    for entry in entries:
        now = _after(now, entry)
    return now


def _after(now: Standing, entry: Entry) -> Standing:
    stack, since, barred = now.stack, now.since, now.barred
    archived, trained_until = now.archived, now.trained_until
    if entry.action == "promote":
        stack, since = (*stack, entry.version), entry.created_at
        trained_until = max(entry.as_of, trained_until or entry.as_of)
    elif entry.action == "rollback":
        kept = (*_below(stack, entry.version), entry.version)
        barred = (barred | set(stack)) - {*kept}
        stack, since = kept, entry.created_at
    elif entry.action == "archive":
        archived |= {entry.version}
    return Standing(entry.sequence, stack, since, barred, archived, trained_until)


def _below(stack: tuple[int, ...], version: int) -> tuple[int, ...]:
    """What stays under `version` when a person puts it in production: of a version that was not, the older ones."""
    if version in stack:
        return stack[: stack.index(version)]
    return tuple(each for each in stack if each < version)
