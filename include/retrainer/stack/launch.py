"""Starting the guard from the process that a person or a test runs, and hearing from it."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from retrainer.stack.guard import DETACH
from retrainer.stack.lock import StackLock
from retrainer.stack.plan import Plan
from retrainer.stack.processes import kill_family

_SPARE_SECONDS = 30.0  # for guard and supervisor to end after the services' time of grace


@dataclass(frozen=True, slots=True)
class Event:
    """What the supervisor or the guard reports: started, ended, restarting, failed, stopped, with facts as text."""

    kind: str
    facts: Mapping[str, str] = field(default_factory=dict)

    def describe(self) -> str | None:
        """A sentence for a person, or None for what goes without saying."""
        facts = self.facts
        if self.kind == "restarting":
            return f"{facts['service']} ended with {facts['how']}; starting it again in {facts['seconds']} s"
        if self.kind == "failed":
            return f"{facts['service']} ended with {facts['how']} and is not started again"
        return None


class Launch:
    """A stack that this process has started. When this process ends, so does the stack, unless it was detached."""

    def __init__(self, plan: Plan, *, lock: StackLock, environment: Mapping[str, str], log_file: Path) -> None:
        """Start the guard.

        Args:
            plan: what to run.
            lock: the lock of the stack's home; the guard and the supervisor hold it too, until they end.
            environment: the guard's and the supervisor's own; the services have theirs in the plan.
            log_file: gets one line for each event.
        """
        self._grace_seconds = plan.grace_seconds
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        with log_file.open("ab") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-m", "retrainer.stack.guard"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=dict(environment),
                pass_fds=(lock.descriptor,),
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read_events, name="stack-events", daemon=True)
        self._reader.start()
        self._tell(plan.to_json())

    @property
    def guard_pid(self) -> int:
        """Process id of the guard, the root of the stack's processes."""
        return self._guard.pid

    def next_event(self, timeout_seconds: float) -> Event | None:
        """The next event, or None where none comes in that time."""
        try:
            return self._events.get(timeout=timeout_seconds)
        except queue.Empty:
            return None

    def exit_status(self) -> int | None:
        """How the guard ended: 0 where the stop was asked for; None while it runs."""
        return self._guard.poll()

    def detach(self) -> None:
        """Let the stack outlive this process."""
        self._tell(DETACH)
        self._close_stdin()

    def stop(self) -> None:
        """Stop every service, and return when no process of the stack is left."""
        self._close_stdin()
        try:
            self._guard.wait(self._grace_seconds + _SPARE_SECONDS)
        except subprocess.TimeoutExpired:
            kill_family(psutil.Process(self._guard.pid))
            self._guard.wait()
        self._reader.join(_SPARE_SECONDS)

    def _tell(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            if self._guard.stdin is not None:
                self._guard.stdin.write(line.encode() + b"\n")
                self._guard.stdin.flush()

    def _close_stdin(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            if self._guard.stdin is not None:
                self._guard.stdin.close()

    def _read_events(self) -> None:
        if self._guard.stdout is None:
            return
        with self._guard.stdout as lines:
            for line in lines:
                facts = json.loads(line)
                self._events.put(Event(facts.pop("kind"), facts))


def last_lines(path: Path, count: int = 15) -> str:
    """The last lines of a log, or nothing where there is none."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 16_384))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-count:])
    except FileNotFoundError:
        return ""
