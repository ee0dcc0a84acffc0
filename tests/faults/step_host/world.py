"""A step host with fake steps in a process of its own, and a runner of such steps with or without it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from retrainer.contracts import Interval, StepRequest
from retrainer.runtimes.limits import Limits
from retrainer.runtimes.outcome import StepOutcome
from retrainer.runtimes.process import ProcessRuntime

FOLDER = Path(__file__).parent
PLAIN = (sys.executable, "-P", str(FOLDER / "run_fake.py"))
QUICK = Limits(grace_seconds=0.3)


def make_request(**config) -> StepRequest:
    start, end = datetime(2013, 5, 27, tzinfo=UTC), datetime(2013, 5, 28, tzinfo=UTC)
    interval = Interval(start=start, end=end)
    return StepRequest(step="train", model="m", config=config, interval=interval, as_of=end, seed=7, run_id="r1")


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Host:
    """A step host in a process of its own, with the fake steps."""

    def __init__(self, folder: Path, libraries: tuple[str, ...] = (), seconds: float = 20) -> None:
        self.socket_path = folder / "run" / "h.sock"
        self.lock = folder / "requirements.lock"
        self.lock.write_text("one")
        self.log = folder / "host.log"
        command = [sys.executable, str(FOLDER / "host_fake.py"), self.socket_path, self.lock, ",".join(libraries)]
        with self.log.open("wb") as log:
            environ = os.environ | {"ONLY_IN_HOST": "1"}
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
        wait_until(lambda: self.socket_path.exists() or self.process.poll() is not None, seconds)
        assert self.process.poll() is None, self.log.read_text()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        finally:
            self.process.kill()
            self.process.wait()


class Runner:
    """Runs fake steps with or without a host, and keeps their output."""

    def __init__(self, folder: Path, host: Host | None) -> None:
        self.folder = folder
        self.host = host
        self.kind = "plain" if host is None else "host"
        self.lines: list[str] = []
        self.pids_file = folder / "pids"

    def runtime(self, limits: Limits = QUICK, **environment: str) -> ProcessRuntime:
        base = {"PATH": os.environ["PATH"], "RETRAINER_PROJECT_ROOT": str(self.folder)}
        socket_path = self.host.socket_path if self.host else None
        return ProcessRuntime(environment=base | environment, socket_path=socket_path, limits=limits, command=PLAIN)

    def run(self, limits: Limits = QUICK, **config) -> StepOutcome:
        outcome = self.runtime(limits).run(make_request(**config), self.lines.append)
        assert outcome.runtime == self.kind
        return outcome

    def waiting(self, **more) -> dict:
        """Config of a step that waits, with one child in its group and one that left it."""
        return {"act": "wait", "pids": str(self.pids_file), "gate": str(self.folder / "gate"), **more}

    def pids(self) -> tuple[int, int, list[int]]:
        """Ids of the waiting step, of its supervisor, and of the step with its two children."""
        step, parent, *children = map(int, self.pids_file.read_text().split())
        assert len(children) == 2
        return step, parent, [step, *children]

    def assert_nothing_left(self) -> None:
        left = [pid for pid in self.pids()[2] if is_running(pid)]
        assert not left
