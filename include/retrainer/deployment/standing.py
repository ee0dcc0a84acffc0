"""What the entries of the ledger come to: which version is in production, what a rollback goes to, what is barred.

The versions in production form a stack. A promotion puts one on top; a rollback takes off what lies above its target.
So rolling back twice goes back two versions, never back and forth. Pure: entries in, standing out.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from retrainer.contracts import Action, Entry


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a model stands after its last entry.

    `stack` are the versions in production, oldest first, the champion last. `barred` were rolled away from and not put
    back by a person since: no run promotes them again. `archived` have no files any more. `trained_until` is the newest
    as_of of all that was ever in production: a challenger must have looked further.
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

    def then(self, action: Action, version: int, *, as_of: datetime, at: datetime | None = None) -> "Standing":
        """Where the model stands after one more entry about `version`, trained as of `as_of` and written at `at`."""
        after = replace(self, sequence=self.sequence + 1)
        if action == "archive":
            return replace(after, archived=self.archived | {version})
        if action not in ("promote", "rollback"):
            return after
        if action == "promote":
            stack = (*(each for each in self.stack if each != version), version)
            barred = self.barred - {version}
        else:
            stack = (*_below(self.stack, version), version)
            barred = (self.barred | {*self.stack}) - {*stack}
        trained_until = max(as_of, self.trained_until or as_of)
        return replace(after, stack=stack, since=at, barred=barred, trained_until=trained_until)


def standing(entries: Sequence[Entry]) -> Standing:
    """Where the model stands after all entries of it, oldest first."""
    *_, now = standings(entries)
    return now


def standings(entries: Iterable[Entry]) -> Iterator[Standing]:
    """Where the model stood before its first entry, and after each."""
    now = Standing()
    yield now
    for entry in entries:
        now = now.then(entry.action, entry.version, as_of=entry.as_of, at=entry.created_at)
        yield now


def _below(stack: tuple[int, ...], version: int) -> tuple[int, ...]:
    """What stays under `version` when a person puts it in production: of a version that was not, the older ones."""
    if version in stack:
        return stack[: stack.index(version)]
    return tuple(each for each in stack if each < version)
