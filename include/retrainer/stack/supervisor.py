"""The process that keeps the services running: starts them in order, restarts them when they die, ends all of them."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from retrainer.stack.control import CommandReader, EventWriter, SignalReader
from retrainer.stack.plan import Plan, Service
from retrainer.stack.processes import ProcessIdentity, adopt_orphans, kill_descendants, kill_orphans, reap_orphans

EXIT_STOPPED = 0
"""Exit status of guard and supervisor after a stop that was asked for."""

EXIT_GAVE_UP = 1
"""Exit status after a service that cannot be kept running."""

_STOP_POLL_SECONDS = 0.1


@dataclass(slots=True)
class _Child:
    service: Service
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restarts: int = 0
    due: float | None = None
    done: bool = False

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0


class Supervisor:
    """Runs the services of a plan until it is asked to stop or one of them cannot be kept running."""

    def __init__(self, plan: Plan, *, signals: SignalReader, commands: CommandReader, events: EventWriter) -> None:
        self._plan = plan
        self._signals = signals
        self._commands = commands
        self._events = events
        self._children = {service.name: _Child(service) for service in plan.services}
        self._failed = False

    def run(self) -> int:
        """Run until the end; returns the exit status. No process that this one started is left then."""
        for child in self._children.values():
            if not child.service.after:
                child.due = time.monotonic()
        try:
            while not self._failed:
                self._start_due()
                if self._wait():
                    break
                self._collect()
            self._stop()
        finally:
            kill_descendants()
            Path(self._plan.state_file).unlink(missing_ok=True)
        self._events.write("stopped")
        return EXIT_GAVE_UP if self._failed else EXIT_STOPPED

    def _wait(self) -> bool:
        """Wait for a signal, the end of the parent, or the next restart; whether to stop."""
        due = [child.due for child in self._children.values() if child.due is not None]
        timeout = max(0.0, min(due) - time.monotonic()) if due else None
        sources: list[SignalReader | CommandReader] = [self._signals, self._commands]
        ready, _, _ = select.select(sources, [], [], timeout)
        parent_gone = self._commands in ready and self._commands.lines() is None
        return self._signals.stop_asked() or parent_gone

    def _start_due(self) -> None:
        now = time.monotonic()
        for child in self._children.values():
            if child.due is not None and child.due <= now:
                child.due = None
                self._start(child)

    def _start(self, child: _Child) -> None:
        service = child.service
        try:
            with Path(service.log_file).open("ab") as log:
                child.process = subprocess.Popen(
                    service.command,
                    env=service.environment,
                    cwd=service.working_directory,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            self._give_up(child, str(error))
            return
        child.started = time.monotonic()
        self._write_state()
        self._events.write("started", service=service.name, pid=str(child.pid))

    def _collect(self) -> None:
        """Notice children that ended: start what waited for them, or plan their restart."""
        for child in self._children.values():
            if child.process and (status := child.process.poll()) is not None:
                self._ended(child, child.process.pid, status)
        reap_orphans(self._pids())

    def _ended(self, child: _Child, pid: int, status: int) -> None:
        child.process = None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)  # what is left of the service's own session
        kill_orphans(self._pids())
        if child.service.once and status == 0:
            self._done(child)
            return
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"status {status}"
        if time.monotonic() - child.started >= self._plan.stable_seconds:
            child.restarts = 0
        if child.service.once or child.restarts >= self._plan.max_restarts:
            self._give_up(child, how)
            return
        wait = self._plan.backoff_seconds * 2**child.restarts
        child.restarts += 1
        child.due = time.monotonic() + wait
        self._events.write("restarting", service=child.service.name, how=how, seconds=f"{wait:g}")

    def _done(self, child: _Child) -> None:
        service = child.service
        child.done = True
        if service.done_file:
            Path(service.done_file).write_text(service.done_text, encoding="utf-8")
        self._events.write("ended", service=service.name)
        for other in self._children.values():
            if other.service.after == service.name:
                other.due = time.monotonic()

    def _give_up(self, child: _Child, how: str) -> None:
        self._failed = True
        self._events.write("failed", service=child.service.name, how=how, log=child.service.log_file)

    def _stop(self) -> None:
        """Ask every service to end and wait for it, at most as long as the plan says."""
        deadline = time.monotonic() + self._plan.grace_seconds
        for child in self._children.values():
            if child.process and child.process.poll() is None:
                child.process.terminate()
        while time.monotonic() < deadline and any(
            c.process and c.process.poll() is None for c in self._children.values()
        ):
            select.select([self._signals], [], [], _STOP_POLL_SECONDS)
            self._signals.stop_asked()
            reap_orphans(self._pids())

    def _pids(self) -> set[int]:
        return {child.process.pid for child in self._children.values() if child.process}

    def _write_state(self) -> None:
        identities = {"guard": os.getppid(), "supervisor": os.getpid()}
        identities |= {name: child.pid for name, child in self._children.items() if child.process}
        content = json.dumps({name: asdict(ProcessIdentity.of(pid)) for name, pid in identities.items()})
        target = Path(self._plan.state_file)
        part = target.with_suffix(".part")
        part.write_text(content, encoding="utf-8")
        part.replace(target)


def main() -> None:
    """Run the plan that the guard writes to stdin; stop when the guard ends."""
    commands = CommandReader()
    adopt_orphans()
    signals = SignalReader()
    line = commands.first_line()
    if line:
        supervisor = Supervisor(Plan.from_json(line), signals=signals, commands=commands, events=EventWriter())
        sys.exit(supervisor.run())


if __name__ == "__main__":
    main()
