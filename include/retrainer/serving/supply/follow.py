"""Following the ledger: what is to be served is said as soon as all that it needs is here.

Two threads: one looks at the ledger and never waits for the registry, so that a model is switched off in time while
MLflow hangs; the other fetches versions and tries them out.
"""

import logging
import os
import queue
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from retrainer.contracts import Assignment, Entry, Refusal
from retrainer.deployment import recorded_digest
from retrainer.errors import RetrainerError, UnsafeArtifactError
from retrainer.ledger import Ledger
from retrainer.serving.local_copy import ASSIGNMENT_FILE, verify
from retrainer.serving.supply.assignment import assignment_of
from retrainer.serving.supply.copies import Copies, Provided, Wanted
from retrainer.serving.supply.messages import Supplied, wanted_versions
from retrainer.serving.supply.outages import Outages

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
_JITTER = 0.2
_PAUSE_SECONDS = 2.0
"""Before a version that could not be fetched is asked for again."""


class Follower:
    """Follows the ledger at `ledger_url` for a server whose local copies are in `folder`; `say` tells it something."""

    def __init__(
        self,
        ledger_url: str,
        folder: Path,
        copies: Copies,
        *,
        say: Callable[[Supplied], None],
        outages: Outages,
    ) -> None:
        self._ledger_url = ledger_url
        self._ledger: Ledger | None = None
        self._folder = folder
        self._say = say
        self._done: dict[str, int] = {}
        """The last entry of each model for which everything was said."""
        self._said: dict[str, Supplied] = {}
        self._events: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._outages = outages
        self._fetcher = _Fetcher(copies, outages, on_end=lambda: self._events.put(None))

    def refresh(self, model: str) -> None:
        """Look at the ledger for `model` now. From any thread."""
        self._events.put(model)

    def run(self) -> None:
        """Follow until the process ends."""
        asked: set[str] = set()
        while True:
            self.look(asked)
            asked = self._wait()

    def look(self, asked: set[str]) -> None:
        """Say what there is to say of the models with new entries, and of those in `asked` in any case."""
        try:
            self._ledger = self._ledger or Ledger.open(self._ledger_url)
            changed = [
                model
                for model, sequence in self._ledger.sequences().items()
                if model in asked or self._done.get(model) != sequence
            ]
            entries = {model: self._ledger.entries(model) for model in changed}
        except RetrainerError as error:
            self._outages.begin("the ledger", error)
            return
        self._outages.end("the ledger")
        for model in changed:
            self._follow(model, entries[model], again=model in asked)

    def _wait(self) -> set[str]:
        """Until the next look is due or something happens; the models that were asked for."""
        seconds = POLL_SECONDS * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 servers are not to poll in step
        asked: set[str] = set()
        try:
            event = self._events.get(timeout=seconds)
            while True:
                asked |= {event} if event is not None else set()
                event = self._events.get_nowait()
        except queue.Empty:
            return asked

    def _follow(self, model: str, entries: Sequence[Entry], *, again: bool) -> None:
        assignment = assignment_of(model, entries)
        wanted = [Wanted(model, each, recorded_digest(entries, each)) for each in wanted_versions(assignment)]
        found = {each: self._fetcher.at_hand(each, assignment.sequence) for each in wanted}
        here = {each.version: provided for each, provided in found.items() if provided is not None}
        is_complete = len(here) == len(wanted)
        if is_complete:
            self._done[model] = assignment.sequence
        elif not assignment.off:
            return  # once it is here, or has been refused
        supplied = _supplied(assignment, here)
        if self._is_served(model, here) and (again or supplied != self._said.get(model)):
            self._said[model] = supplied
            self._say(supplied)
            self._fetcher.tidy(model, set(supplied.folders.values()))

    def _is_served(self, model: str, here: Mapping[int, Provided]) -> bool:
        """Whether a server is to know the model: it served it before, or a version of it was declared to be served.

        A version of which nothing can be known, since it was refused before it could be read, is one that is served.
        """
        if (self._folder / model / ASSIGNMENT_FILE).exists():
            return True
        specs = [verify(each.folder) if each.folder else None for each in here.values()]
        return any(spec is None or spec.declaration.get("serving") is not None for spec in specs)


class _Fetcher:
    """A thread that fetches what is asked for, one version after another."""

    def __init__(self, copies: Copies, outages: Outages, *, on_end: Callable[[], None]) -> None:
        self._copies = copies
        self._outages = outages
        self._on_end = on_end
        self._known: dict[Wanted, tuple[int, Provided]] = {}
        self._pending: set[Wanted] = set()
        self._not_before: dict[Wanted, float] = {}
        self._queue: queue.SimpleQueue[tuple[Wanted, int]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="fetch", daemon=True).start()

    def at_hand(self, wanted: Wanted, sequence: int) -> Provided | None:
        """The version, if it is here; else it is fetched from now on. One that was refused is tried again for each
        entry of the ledger, and only then."""
        found = self._known.get(wanted)
        if found is not None and _still_holds(*found, sequence):
            return found[1]
        if wanted not in self._pending and time.monotonic() >= self._not_before.get(wanted, 0):
            self._pending.add(wanted)
            self._queue.put((wanted, sequence))
        return None

    def tidy(self, model: str, in_use: set[str]) -> None:
        """Delete what is not in use any more."""
        self._copies.tidy(model, in_use)

    def _work(self) -> None:
        while True:
            wanted, sequence = self._queue.get()
            try:
                self._known[wanted] = (sequence, self._copies.provide(wanted))
                self._outages.end("the registry")
            except ConnectionError:
                log.exception("nothing can be tried out any more")
                os._exit(1)  # the server starts this process again
            except Exception as error:  # noqa: BLE001 a thread that died here would fetch no version any more
                self._not_before[wanted] = time.monotonic() + _PAUSE_SECONDS
                self._outages.begin("the registry", _said_of(wanted, error))
            self._pending.discard(wanted)
            self._on_end()


def _said_of(wanted: Wanted, error: Exception) -> Exception:
    """The error itself where its message says what failed; else one that says it."""
    if isinstance(error, RetrainerError | OSError):
        return error
    return RuntimeError(f"{wanted.model} v{wanted.version} cannot be fetched: {type(error).__name__}: {error}")


def _still_holds(at: int, provided: Provided, sequence: int) -> bool:
    if provided.problem and at != sequence:
        return False
    if provided.folder is None:
        return True
    try:
        verify(provided.folder)
    except UnsafeArtifactError:
        return False  # it is fetched again
    return True


def _supplied(assignment: Assignment, here: Mapping[int, Provided]) -> Supplied:
    folders = {version: each.folder.name for version, each in here.items() if each.folder is not None}
    refused = tuple(
        Refusal(version=version, sequence=assignment.sequence, reason=each.problem)
        for version, each in here.items()
        if each.problem
    )
    rule = assignment.champion if assignment.champion in folders else next(iter(folders), None)
    return Supplied(assignment=assignment, folders=folders, refused=refused, rule=rule)
