"""What the entries of the ledger come to: which version is in production, what a rollback goes to, what is barred.

The versions in production form a stack. A promotion puts one on top; a rollback takes off what lies above its target.
So rolling back twice goes back two versions, never back and forth. Beside the champion one version may be on trial: it
gets a share of the traffic (split), or answers unseen (shadow). A new champion ends every trial, since whatever was on
trial was compared with the old one. Pure: entries in, standing out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import JsonValue

from retrainer.contracts import Action, Entry, Split


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a model stands after its last entry.

    `stack` are the versions in production, oldest first, the champion last. `barred` were rolled away from and not put
    back by a person since: no run promotes them again. `archived` have no files any more. `trained_until` is the newest
    as_of of all that was ever in production: a challenger must have looked further. `split` and `shadow` are on trial.
    `off`: the rule answers instead of the champion, until a person switches the model on again.
    """

    sequence: int = 0
    stack: tuple[int, ...] = ()
    since: datetime | None = None
    barred: frozenset[int] = frozenset()
    archived: frozenset[int] = frozenset()
    trained_until: datetime | None = None
    split: Split | None = None
    shadow: int | None = None
    off: bool = False

    @property
    def champion(self) -> int | None:
        """The version in production."""
        return self.stack[-1] if self.stack else None

    @property
    def previous(self) -> int | None:
        """The version that a rollback goes to: the one before the champion whose files are still there."""
        return next((version for version in reversed(self.stack[:-1]) if version not in self.archived), None)

    @property
    def on_trial(self) -> frozenset[int]:
        """The versions that get a share of the traffic, or answer unseen."""
        tried = {self.split.version if self.split else None, self.shadow}
        return frozenset(version for version in tried if version is not None)

    def then(
        self, action: Action, version: int, *, as_of: datetime, at: datetime | None = None, percent: int = 0
    ) -> "Standing":
        """Where the model stands after one more entry about `version`, trained as of `as_of` and written at `at`.

        `percent` is the share of the traffic that a split gives to the version; 0 takes it away.
        """
        after = replace(self, sequence=self.sequence + 1)
        if action in ("promote", "rollback"):
            return after._with_champion(version, back=action == "rollback", as_of=as_of, at=at)
        if action == "archive":
            return replace(after, archived=self.archived | {version})
        if action in ("switch_off", "switch_on"):
            return replace(after, off=action == "switch_off")
        return after._with_trial(action, version, percent=percent)

    def _with_trial(self, action: Action, version: int, *, percent: int) -> "Standing":
        if action == "shadow":
            return replace(self, shadow=version)
        if action == "split" and percent:
            return replace(self, split=Split(version=version, percent=percent))
        if action not in ("split", "reject"):
            return self
        is_shadow = action == "reject" and self.shadow == version
        is_split = self.split is not None and self.split.version == version
        return replace(self, split=None if is_split else self.split, shadow=None if is_shadow else self.shadow)

    def _with_champion(self, version: int, *, back: bool, as_of: datetime, at: datetime | None) -> "Standing":
        if back:
            stack = (*_below(self.stack, version), version)
            barred = (self.barred | {*self.stack}) - {*stack}
        else:
            stack = (*(each for each in self.stack if each != version), version)
            barred = self.barred - {version}
        trained_until = max(as_of, self.trained_until or as_of)
        return replace(self, stack=stack, since=at, barred=barred, trained_until=trained_until, split=None, shadow=None)


def standing(entries: Sequence[Entry]) -> Standing:
    """Where the model stands after all entries of it, oldest first."""
    *_, now = standings(entries)
    return now


def standings(entries: Iterable[Entry]) -> Iterator[Standing]:
    """Where the model stood before its first entry, and after each."""
    now = Standing()
    yield now
    for entry in entries:
        now = now.then(
            entry.action, entry.version, as_of=entry.as_of, at=entry.created_at, percent=percent_of(entry.evidence)
        )
        yield now


def percent_of(evidence: Mapping[str, JsonValue]) -> int:
    """The share of the traffic, 0 to 99, that an entry `split` gives to its version; 0 where it names none."""
    percent = evidence.get("percent")
    return percent if isinstance(percent, int) and 1 <= percent <= 99 else 0


def _below(stack: tuple[int, ...], version: int) -> tuple[int, ...]:
    """What stays under `version` when a person puts it in production: of a version that was not, the older ones."""
    if version in stack:
        return stack[: stack.index(version)]
    return tuple(each for each in stack if each < version)
