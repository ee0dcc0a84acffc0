"""The `process` runtime: a step on this machine, forked from the warm step host or else as a plain process."""

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from retrainer.contracts import StepRequest
from retrainer.errors import StepFailedError
from retrainer.runtimes.attempt import Attempt, NotStartedError
from retrainer.runtimes.environment import step_environment
from retrainer.runtimes.limits import Limits
from retrainer.runtimes.outcome import StepOutcome
from retrainer.runtimes.output import Log
from retrainer.runtimes.processes import peer_uid
from retrainer.runtimes.protocol import Job

PLAIN_COMMAND = (sys.executable, "-P", "-m", "retrainer.cli.main", "run")
"""`-P`: a folder of the caller must not shadow a package."""

_HOST_ANSWER_SECONDS = 3.0
_PLAIN_ANSWER_SECONDS = 60.0
_MARGIN_SECONDS = 10.0

logger = logging.getLogger(__name__)


class ProcessRuntime:
    """Runs one step. `cancel` may be called before, from a signal handler and from another thread.

    `environment` is the whole environment of the step. `socket_path` is the step host's; None, and any host that is not
    there, is stale, or does not answer within 3 s, means a plain process of `command`.
    """

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        socket_path: Path | None,
        limits: Limits,
        command: Sequence[str] = PLAIN_COMMAND,
    ) -> None:
        self._environment = step_environment(environment)
        self._socket_path = socket_path
        self._limits = limits
        self._command = command
        self._attempt: Attempt | None = None
        self._is_cancelled = False

    def run(self, request: StepRequest, log: Log) -> StepOutcome:
        """Run the step and hand each line of its output to `log` as it comes, the result apart.

        Whatever is raised meanwhile (KeyboardInterrupt, a time-out of the caller, an error of `log`) is raised again
        after the step and everything it started has ended.
        """
        job = self._job(request)
        if self._socket_path is not None:
            try:
                return self._run(_connect(self._socket_path), job, log)
            except NotStartedError as error:
                logger.info("%s starts as a plain process: step host %s: %s", request.step, self._socket_path, error)
        with _plain_supervisor(job) as connection:
            try:
                return self._run(connection, job, log, is_host=False)
            except NotStartedError as error:
                raise StepFailedError(f"{request.step}: its process could not be started: {error}") from error

    def cancel(self) -> None:
        """End the step; `run` then returns its outcome."""
        self._is_cancelled = True
        if self._attempt is not None:
            self._attempt.cancel()

    def _run(self, connection: socket.socket, job: Job, log: Log, *, is_host: bool = True) -> StepOutcome:
        self._attempt = Attempt(
            connection,
            job,
            log,
            answer_seconds=_HOST_ANSWER_SECONDS if is_host else _PLAIN_ANSWER_SECONDS,
            runtime="host" if is_host else "plain",
        )
        if self._is_cancelled:
            connection.close()
            return StepOutcome(-signal.SIGTERM, reason="cancelled")
        return self._attempt.run()

    def _job(self, request: StepRequest) -> Job:
        return Job(
            step=request.step,
            request=request.to_json(),
            environment=self._environment,
            cwd=str(Path.cwd()),
            command=list(self._command),
            prefix=sys.prefix,
            limits=self._limits,
        )


def _connect(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(_HOST_ANSWER_SECONDS)
        connection.connect(str(path))
        if peer_uid(connection) != os.getuid():
            raise NotStartedError("it belongs to another user")
    except OSError as error:
        connection.close()
        raise NotStartedError(error.strerror or str(error)) from error
    except NotStartedError:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def _plain_supervisor(job: Job) -> Iterator[socket.socket]:
    """A connection to a supervisor of our own, which outlives us just long enough to end the step."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "retrainer.runtimes.once", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=job.environment,
                start_new_session=True,
            )
        try:
            yield ours
        finally:
            ours.close()
            try:
                process.wait(job.limits.grace_seconds + _MARGIN_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
