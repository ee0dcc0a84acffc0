"""Starting, using and stopping the local stack."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from retrainer.config.runtime import RuntimeSettings
from retrainer.errors import StackError
from retrainer.stack.credentials import PASSWORD_FILE, USERNAME, private_folder, read_credentials
from retrainer.stack.environment import airflow_url, common_environment
from retrainer.stack.guard import read_state
from retrainer.stack.launch import Event, Launch, last_lines
from retrainer.stack.lock import StackLock
from retrainer.stack.ports import check_ports
from retrainer.stack.processes import kill_family
from retrainer.stack.readiness import Readiness
from retrainer.stack.services import logs_folder, stack_plan, state_file

_POLL_SECONDS = 0.2
_STOP_TIMEOUT_SECONDS = 60.0
_LONG_LOG_BYTES = 10_000_000

Report = Callable[[str], None]


class StackRunningError(StackError):
    """There is a running stack in this home already."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: where it is, and how to log in."""

    airflow_url: str
    mlflow_url: str
    server_url: str
    """Address of the model server; `none` where there is none."""
    username: str
    password: str = field(repr=False)
    password_file: Path
    logs: Path
    """Folder with a log for each service."""
    guard_pid: int
    """Process id of the root of the stack's processes."""


class StartedStack:
    """A stack that this process started and that ends with this process, unless it is detached."""

    def __init__(self, settings: RuntimeSettings) -> None:
        """Start the processes. They are not ready yet.

        Raises:
            StackRunningError: there is one in this home.
            StackError: a port is taken, or a folder cannot be used.
        """
        self._settings = settings
        lock = _take_lock(settings)
        if lock is None:
            raise StackRunningError(
                f"the stack in {settings.home} is running already:"
                f" Airflow {airflow_url(settings)}, MLflow {settings.mlflow_uri}",
                hint="`retrainer down` stops it.",
            )
        try:
            _end_leftovers(settings)
            check_ports(settings)
            self._launch = _launch(settings, lock)
        finally:
            lock.close()
        self._readiness = Readiness(settings, since=datetime.now(UTC))
        self.stack = _describe(settings, guard_pid=self._launch.guard_pid)

    def wait_ready(self, *, report: Report, timeout_seconds: float = 180.0) -> None:
        """Wait until every service answers; `report` gets a line as each does, and when one has to be started again.

        Raises:
            StackError: a service cannot be kept running, or not all answer in time. The message has the end of its log.
        """
        deadline = time.monotonic() + timeout_seconds
        started = time.monotonic()
        while self._readiness.pending:
            for name in self._readiness.poll():
                report(f"{name} is ready ({time.monotonic() - started:.1f} s)")
            self._hear(report, seconds=_POLL_SECONDS)
            if time.monotonic() > deadline:
                late = ", ".join(sorted(self._readiness.pending))
                raise StackError(
                    f"not ready after {timeout_seconds:g} s: {late}", hint=f"See the logs in {self.stack.logs}."
                )

    def wait(self, *, report: Report) -> None:
        """Wait for the end of the stack, which somebody else may stop.

        Raises:
            StackError: a service cannot be kept running.
        """
        while self._launch.exit_status() is None:
            self._hear(report, seconds=1.0)
        self._hear(report, seconds=0.0)  # it may have ended just after the last look, and with an error

    def detach(self) -> None:
        """Let the stack outlive this process."""
        self._launch.detach()

    def stop(self) -> None:
        """Stop the stack, and return when none of its processes is left."""
        self._launch.stop()

    def _hear(self, report: Report, *, seconds: float) -> None:
        while event := self._launch.next_event(seconds):
            if event.kind == "failed":
                raise _failure(event)
            if text := event.describe():
                report(text)
            seconds = 0.0
        status = self._launch.exit_status()
        if status:
            how = f"signal {-status}" if status < 0 else f"status {status}"
            raise StackError(f"the guard of the stack ended with {how}", hint=f"See {self.stack.logs / 'stack.log'}.")


def attach(settings: RuntimeSettings) -> Stack:
    """The stack that is running in this home, started by somebody else.

    Raises:
        StackError: there is none.
    """
    root = _root(settings)
    if root is None:
        raise StackError(f"no stack is running in {settings.home}", hint="`retrainer up` starts it.")
    return _describe(settings, guard_pid=root.pid)


@contextmanager
def running_stack(
    settings: RuntimeSettings, *, report: Report = lambda _: None, timeout_seconds: float = 180.0
) -> Iterator[Stack]:
    """The local stack, ready, for the length of a `with` block. No process of it is left afterwards.

    Args:
        settings: whose ports and home to use.
        report: gets a line as each service becomes ready.
        timeout_seconds: how long the services may take to become ready.

    Raises:
        StackRunningError: there is one in this home.
        StackError: a port is taken, or a service does not become ready.
    """
    started = StartedStack(settings)
    try:
        started.wait_ready(report=report, timeout_seconds=timeout_seconds)
        yield started.stack
    finally:
        started.stop()


def stop_stack(settings: RuntimeSettings) -> bool:
    """Stop the stack of this home from another process, and wait until it is gone. False where none was running.

    Raises:
        StackError: it is still there after a minute.
    """
    lock = _take_lock(settings)
    if lock is not None:
        ended = _end_leftovers(settings)
        lock.close()
        return ended
    deadline = time.monotonic() + _STOP_TIMEOUT_SECONDS
    asked: set[int] = set()
    while time.monotonic() < deadline:
        root = _root(settings)
        if root and root.pid not in asked:
            asked.add(root.pid)
            root.terminate()
        if lock := _take_lock(settings):
            lock.close()
            return True
        time.sleep(_POLL_SECONDS)
    raise StackError(f"the stack in {settings.home} is still running after {_STOP_TIMEOUT_SECONDS:g} s")


def _describe(settings: RuntimeSettings, *, guard_pid: int) -> Stack:
    return Stack(
        airflow_url=airflow_url(settings),
        mlflow_url=settings.mlflow_uri,
        server_url=settings.serving_uri,
        username=USERNAME,
        password=read_credentials(settings.home).password,
        password_file=settings.home / PASSWORD_FILE,
        logs=logs_folder(settings),
        guard_pid=guard_pid,
    )


def _launch(settings: RuntimeSettings, lock: StackLock) -> Launch:
    plan = stack_plan(settings)
    _put_aside_long_logs(logs_folder(settings))
    log_file = logs_folder(settings) / "stack.log"
    return Launch(plan, lock=lock, environment=common_environment(settings), log_file=log_file)


def _put_aside_long_logs(folder: Path) -> None:
    """Each log that has grown long becomes <name>.log.1, in the place of the one before it."""
    for log in folder.glob("*.log"):
        if log.stat().st_size > _LONG_LOG_BYTES:
            log.replace(log.with_name(f"{log.name}.1"))


def _take_lock(settings: RuntimeSettings) -> StackLock | None:
    return StackLock.take(private_folder(private_folder(settings.home) / "stack") / "lock")


def _root(settings: RuntimeSettings) -> psutil.Process | None:
    """The guard, or the supervisor where the guard is gone."""
    try:
        state = read_state(state_file(settings))
    except FileNotFoundError:  # it is just starting, or just ending
        return None
    return state.get("guard") or state.get("supervisor")


def _end_leftovers(settings: RuntimeSettings) -> bool:
    """Kill services that outlived both guard and supervisor. To be called with the lock; whether there were any."""
    try:
        left = read_state(state_file(settings))
    except FileNotFoundError:
        return False
    for process in left.values():
        kill_family(process)
    psutil.wait_procs(left.values(), timeout=_STOP_TIMEOUT_SECONDS)
    state_file(settings).unlink(missing_ok=True)
    return bool(left)


def _failure(event: Event) -> StackError:
    log = event.facts.get("log", "")
    tail = f"; the end of {log}:\n{last_lines(Path(log))}" if log else ""
    return StackError(f"{event.describe()}{tail}")
