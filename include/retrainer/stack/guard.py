"""The process above the supervisor: when the launcher ends, it ends the supervisor; when the supervisor dies, the rest.

Each of the two watches the other, so that a SIGKILL of either leaves nothing behind.
"""

import contextlib
import json
import select
import subprocess
import sys
import time
from pathlib import Path

import psutil

from retrainer.stack.control import CommandReader, EventWriter, SignalReader
from retrainer.stack.plan import Plan
from retrainer.stack.processes import ProcessIdentity, adopt_orphans, kill_descendants, kill_family, reap_orphans
from retrainer.stack.supervisor import EXIT_GAVE_UP

DETACH = "detach"
"""The command after which the stack outlives its launcher."""

_SPARE_SECONDS = 10.0  # for the supervisor to end after its services


class Guard:
    """Starts the supervisor and sees it through to its end."""

    def __init__(self, plan_line: str, *, signals: SignalReader, commands: CommandReader, events: EventWriter) -> None:
        self._plan = Plan.from_json(plan_line)
        self._signals = signals
        self._commands: CommandReader | None = commands
        self._events = events
        # stdin, stdout and the inherited lock go to the supervisor, and nothing but these to the services
        self._supervisor = subprocess.Popen(
            [sys.executable, "-m", "retrainer.stack.supervisor"], stdin=subprocess.PIPE, close_fds=False
        )
        self._send(plan_line + "\n")

    def run(self) -> int:
        """Watch until the supervisor has ended; returns its exit status. No process started here is left then."""
        deadline: float | None = None
        while self._supervisor.poll() is None:
            if self._wait(deadline) and deadline is None:
                deadline = time.monotonic() + self._plan.grace_seconds + _SPARE_SECONDS
                self._supervisor.terminate()
            if deadline is not None and time.monotonic() > deadline:
                self._supervisor.kill()
            reap_orphans({self._supervisor.pid})
        status = self._supervisor.returncode
        if status < 0:
            self._events.write("failed", service="supervisor", how=f"signal {-status}", log="")
            self._kill_recorded()
        kill_descendants()
        Path(self._plan.state_file).unlink(missing_ok=True)
        return EXIT_GAVE_UP if status < 0 else status

    def _wait(self, deadline: float | None) -> bool:
        """Wait for a signal, a command or the end of the launcher; whether to stop."""
        sources: list[SignalReader | CommandReader] = [self._signals]
        if self._commands is not None:
            sources.append(self._commands)
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic()) + 0.1
        ready, _, _ = select.select(sources, [], [], timeout)
        gone = False
        if self._commands is not None and self._commands in ready:
            lines = self._commands.lines()
            gone = lines is None
            if lines is None or DETACH in lines:
                self._commands = None
        return self._signals.stop_asked() or gone

    def _send(self, text: str) -> None:
        """Write to the supervisor's stdin, which then stays open for as long as this process lives."""
        stdin = self._supervisor.stdin
        with contextlib.suppress(BrokenPipeError):
            if stdin is not None:
                stdin.write(text.encode())
                stdin.flush()

    def _kill_recorded(self) -> None:
        """Kill the services by the supervisor's record: without Linux's adoption of orphans they are no descendants."""
        with contextlib.suppress(FileNotFoundError):
            for name, process in read_state(Path(self._plan.state_file)).items():
                if name not in {"guard", "supervisor"}:
                    kill_family(process)


def read_state(state_file: Path) -> dict[str, psutil.Process]:
    """The processes of the state file that still run, by name: guard, supervisor and each service.

    Raises:
        FileNotFoundError: there is no state file.
    """
    content = json.loads(state_file.read_text(encoding="utf-8"))
    found = {name: ProcessIdentity(**identity).find() for name, identity in content.items()}
    return {name: process for name, process in found.items() if process is not None}


def main() -> None:
    """Guard the plan that the launcher writes to stdin."""
    commands = CommandReader()
    adopt_orphans()
    signals = SignalReader()
    line = commands.first_line()
    if line:
        sys.exit(Guard(line, signals=signals, commands=commands, events=EventWriter()).run())


if __name__ == "__main__":
    main()
