"""One attempt to run a step through a supervisor: send the job, stream its output, wait for its end."""

import contextlib
import os
import selectors
import signal
import socket
import time

from retrainer.errors import EXIT_RETRYABLE
from retrainer.runtimes.outcome import StepOutcome
from retrainer.runtimes.output import LONGEST_LINE, LONGEST_RESULT, Lines, Log, StepOutput
from retrainer.runtimes.protocol import Event, Job, ProtocolError, parse_event, send_job

_CHUNK = 2**16
_DRAIN_SECONDS = 2.0
_MARGIN_SECONDS = 5.0


class NotStartedError(Exception):
    """The supervisor did not take the job, so nothing has happened: another one may."""


class Attempt:
    """A job sent to the supervisor at the other end of `connection`."""

    def __init__(self, connection: socket.socket, job: Job, log: Log, *, answer_seconds: float, runtime: str) -> None:
        self._connection = connection
        self._job = job
        self._output = StepOutput(log)
        self._answer_seconds = answer_seconds
        self._runtime = runtime
        self._is_sent = False
        self._is_cancelled = False
        self._pid = 0
        self._ended: Event | None = None
        self._gone = False
        self._events = bytearray()

    def run(self) -> StepOutcome:
        """Run the step to its end. Whatever is raised in between ends the step first.

        Raises:
            NotStartedError: the supervisor refused, or did not answer in time.
        """
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        try:
            try:
                self._start((out_write, err_write))
            finally:
                os.close(out_write)
                os.close(err_write)
            self._pump(
                {
                    out_read: Lines(self._output.take, LONGEST_RESULT),
                    err_read: Lines(self._output.take_unmarked, LONGEST_LINE),
                }
            )
        except NotStartedError:
            raise
        except BaseException:
            self._abandon()
            raise
        finally:
            self._connection.close()
            os.close(out_read)
            os.close(err_read)
        return self._outcome()

    def cancel(self) -> None:
        """End the step with SIGTERM, later SIGKILL. Safe in a signal handler and in another thread."""
        self._is_cancelled = True
        if self._pid:  # before that a byte would end up inside the job
            with contextlib.suppress(OSError):
                self._connection.send(bytes([signal.SIGTERM]))

    def _start(self, descriptors: tuple[int, int]) -> None:
        self._connection.settimeout(self._answer_seconds)
        try:
            send_job(self._connection, self._job, descriptors)
            self._is_sent = True
            while self._pid == 0:
                self._read_events()
                if self._gone:
                    raise NotStartedError("the supervisor went away")
        except TimeoutError as error:
            raise NotStartedError(f"no answer within {self._answer_seconds:g} s") from error
        except (OSError, ProtocolError) as error:
            raise NotStartedError(str(error)) from error

    def _pump(self, streams: dict[int, Lines]) -> None:
        """Until the step has ended and its output is read. If something that left it holds a pipe, not for long."""
        timeout: float | None = None
        with selectors.DefaultSelector() as selector:
            sources: tuple[socket.socket | int, ...] = (self._connection, *streams)
            for source in sources:
                selector.register(source, selectors.EVENT_READ)
            while selector.get_map() and (ready := selector.select(timeout)):
                for key, _ in ready:
                    if key.fd in streams:
                        is_open = self._read_output(key.fd, streams[key.fd])
                    else:
                        is_open = self._read_end()
                        timeout = None if is_open else _DRAIN_SECONDS
                    if not is_open:
                        selector.unregister(key.fileobj)

    def _read_output(self, descriptor: int, lines: Lines) -> bool:
        data = os.read(descriptor, _CHUNK)
        lines.feed(data)
        return bool(data)

    def _read_end(self) -> bool:
        self._read_events()
        if self._gone:
            self._end_orphans()
        return not (self._ended or self._gone)

    def _read_events(self) -> None:
        try:
            data = self._connection.recv(_CHUNK)
        except ConnectionError:
            data = b""
        self._gone = not data
        self._events += data
        while b"\n" in self._events:
            line, _, self._events = self._events.partition(b"\n")
            event = parse_event(bytes(line))
            if event.kind == "refused":
                raise NotStartedError(event.reason)
            if event.kind == "started":
                self._pid = event.pid
                if self._is_cancelled:
                    self.cancel()
            if event.kind == "ended":
                self._ended = event

    def _end_orphans(self) -> None:
        """Where the supervisor was killed, the kernel has ended the step; its children are left to us."""
        if self._ended is None and self._pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._pid, signal.SIGKILL)

    def _abandon(self) -> None:
        """End the step and wait for that. If this fails too, the closed socket makes the supervisor do it."""
        self.cancel()
        deadline = time.monotonic() + self._job.limits.grace_seconds + _MARGIN_SECONDS
        with contextlib.suppress(OSError, ProtocolError, NotStartedError):
            while self._is_sent and not self._ended and not self._gone and (left := deadline - time.monotonic()) > 0:
                self._connection.settimeout(left)
                self._read_events()
        self._end_orphans()

    def _outcome(self) -> StepOutcome:
        ended = self._ended or Event("ended", status=EXIT_RETRYABLE, reason="the step host went away")
        return self._output.outcome(ended.status, reason=ended.reason, runtime=self._runtime)
