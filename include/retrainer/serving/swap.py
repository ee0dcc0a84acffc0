"""Carrying out what the ledger says: versions are loaded beside those that serve, checked, and swapped in.

The swap is one assignment on the event loop. Requests that were under way finish on the line that they took, and the
versions in it go when the last of them is done. What cannot be carried out is refused, and what served goes on.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from pydantic import ValidationError

from retrainer.errors import RetrainerError
from retrainer.serving.carried_out import carried_out, make_line
from retrainer.serving.loading import Loaded, Loader
from retrainer.serving.local_copy import ASSIGNMENT_FILE, copy_name, write_atomically
from retrainer.serving.metrics import Metrics, VersionStats
from retrainer.serving.slot import Line, Slot, Slots
from retrainer.serving.supply.messages import Supplied, wanted_versions

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_AT_ONCE = 4
"""Models for which something is loaded and checked at the same time."""


class Swapper:
    """Swaps lines into slots. `folder` has the local copies."""

    def __init__(self, slots: Slots, folder: Path, loader: Loader, metrics: Metrics) -> None:
        self._slots, self._folder = slots, folder
        self._loader, self._metrics = loader, metrics
        self._locks: dict[str, asyncio.Lock] = {}
        self._threads = ThreadPoolExecutor(_AT_ONCE, "swap")

    async def restore(self) -> None:
        """Take up what was served before the start of this process, from the local copies alone."""
        for file in sorted(self._folder.glob(f"*/{ASSIGNMENT_FILE}")):
            try:
                await self.carry_out(Supplied.from_json(file.read_bytes()), restoring=True)
            except (OSError, ValidationError, RetrainerError) as error:
                log.warning("%s cannot be taken up again: %s", file.parent.name, str(error).partition("\n")[0])
        self._slots.restored = True

    async def carry_out(self, supplied: Supplied, *, restoring: bool = False) -> None:
        """Serve what is `supplied`, as far as that is possible, and keep for the next start what that is.

        When `restoring` nothing is refused for good: what cannot be taken up is what the supply says next.

        Raises:
            RetrainerError: the rule cannot be had.
            OSError: candidates cannot be asked now.
        """
        wish = supplied.assignment
        async with self._locks.setdefault(wish.model, asyncio.Lock()):
            slot = self._slots.ensure(wish.model)
            if wish.sequence < slot.sequence:
                folder, done = self._folder / wish.model, slot.sequence
                message = (
                    "%s: the ledger ends with entry %d, and entry %d was carried out; it is not followed (if it is a"
                )
                log.warning(message + " new one, delete %s and start again)", wish.model, wish.sequence, done, folder)
                return
            loaded = await self._loaded(slot, supplied, restoring=restoring)
            if restoring:
                loaded.refused = {each.version: each for each in supplied.refused}
                if wish.champion is not None and wish.champion not in loaded.predictors and not wish.off:
                    return
            await self._exchange(slot, supplied, loaded, keep=not restoring)

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _loaded(self, slot: Slot, supplied: Supplied, *, restoring: bool) -> Loaded:
        """What is refused stays so for its entry of the ledger."""
        before = slot.refused if slot.sequence == supplied.assignment.sequence else ()
        refused = {each.version: each for each in (*before, *supplied.refused)}
        return await self._in_thread(self._loader.load, supplied, slot.line, refused, timed=not restoring)

    async def _exchange(self, slot: Slot, supplied: Supplied, loaded: Loaded, *, keep: bool) -> None:
        """Make the line that carries out what can be, and have it answer.

        It is kept first: what the server says that it serves, it serves after any end of this process too.
        """
        old, versions = slot.line, loaded.predictors
        before = old.assignment if old else None
        done = carried_out(supplied.assignment, before, loaded=versions, refused=loaded.refused)
        names = supplied.folders | {number: copy_name(number, each.spec.digest) for number, each in versions.items()}
        rule = done.champion if done.champion in versions else supplied.rule
        folder = self._folder / slot.model / names[rule] if rule in names else None
        line = await self._in_thread(make_line, done, old, versions, folder=folder)
        refused = tuple(loaded.refused.values())
        if line is not None and keep:
            in_use = {rule, *wanted_versions(done)}
            folders = {version: name for version, name in names.items() if version in in_use}
            await self._in_thread(self._keep, Supplied(assignment=done, folders=folders, refused=refused, rule=rule))
        slot.sequence, slot.refused = supplied.assignment.sequence, refused
        if line is not None and (old is None or before != done or [*old.predictors()] != [*line.predictors()]):
            self._put(slot, line)

    def _keep(self, supplied: Supplied) -> None:
        file = self._folder / supplied.assignment.model / ASSIGNMENT_FILE
        try:
            write_atomically(file, supplied.to_json() + "\n")
        except OSError as error:
            log.error(
                "%s cannot be written; after a restart the server begins with what it kept before: %s", file, error
            )

    async def _in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(function, *args, **kwargs))

    def _put(self, slot: Slot, line: Line) -> None:
        """The swap. It happens between two requests, since both are on the event loop."""
        old, now = slot.line, datetime.now(UTC)
        versions = [each.spec.version for each in line.predictors()]
        slot.stats = {version: slot.stats.get(version) or VersionStats() for version in versions}
        slot.since = {version: slot.since.get(version) or now for version in versions}
        before, after = _answering(old), _answering(line)
        slot.line = line
        if old is None or before != after:
            slot.previous = before if before is not None else slot.previous
            self._metrics.swapped(slot.model, after)
            who = f"v{after}" if after is not None else "the rule"
            log.info("%s: %s answers now (entry %d of the ledger)", slot.model, who, line.assignment.sequence)


def _answering(line: Line | None) -> int | None:
    """The version that answers; None where the rule does."""
    return line.answering.spec.version if line is not None and line.answering is not None else None
