"""The event loop that forks steps for clients and supervises them. One thread, so that forking is safe."""

import contextlib
import os
import selectors
import signal
import socket
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import NoReturn

from retrainer.runtimes import processes
from retrainer.runtimes.group import StepGroup, end_strays, make_scratch, remove_scratch
from retrainer.runtimes.protocol import Event, Job, JobReader, ProtocolError

_IDLE_SECONDS = 1.0
_JOB_SECONDS = 10.0
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_BLOCKED = (*_ENDING, signal.SIGCHLD)
_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)

Start = Callable[[Job], int]
"""Runs a job in the forked child, which is set up as a step's process, and returns its exit status (or never)."""


class _Client:
    """One connection: first it sends a job, then it has a step."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.reader = JobReader()
        self.group: StepGroup | None = None
        self.deadline = time.monotonic() + _JOB_SECONDS

    def tell(self, event: Event) -> None:
        with contextlib.suppress(OSError):
            self.connection.send(event.to_line())

    def close(self) -> None:
        self.reader.close()
        self.connection.close()


class Supervisor:
    """Serves clients until it is told to end, or, without a `listener`, until its only client's step has ended.

    `refuse` says why a job cannot run here (empty: it can). `on_idle` is called about once a second without clients.
    """

    def __init__(
        self,
        start: Start,
        *,
        listener: socket.socket | None = None,
        refuse: Callable[[Job], str] = lambda _: "",
        on_idle: Callable[[], None] = lambda: None,
    ) -> None:
        self._start = start
        self._listener = listener
        self._refuse = refuse
        self._on_idle = on_idle
        self._clients: list[_Client] = []
        self._ending = False
        self._selector = selectors.DefaultSelector()
        self._wakeup, self._waker = socket.socketpair()

    def serve(self) -> None:
        """Run. Signals that end this process end every step first."""
        processes.adopt_orphans()
        self._catch_signals()
        if self._listener is not None:
            self._listener.setblocking(False)
            self._selector.register(self._listener, selectors.EVENT_READ, self._accept)
        while self._clients or (self._listener is not None and not self._ending):
            for key, _ in self._selector.select(self._wait_seconds()):
                key.data()
            self._tick()

    def add_client(self, connection: socket.socket) -> None:
        """Serve the process at the other end of `connection`; one of another user is turned away."""
        if processes.peer_uid(connection) != os.getuid():
            connection.close()
            return
        connection.setblocking(False)
        client = _Client(connection)
        self._clients.append(client)
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._read(client))

    def _catch_signals(self) -> None:
        self._wakeup.setblocking(False)
        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in _BLOCKED:
            signal.signal(number, lambda *_: None)
        self._selector.register(self._wakeup, selectors.EVENT_READ, self._on_signal)

    def _on_signal(self) -> None:
        if not self._ending and any(number in _ENDING for number in self._wakeup.recv(4096)):
            self._ending = True
            if self._listener is not None:
                self._selector.unregister(self._listener)
                self._listener.close()
            for client in list(self._clients):
                if client.group is None:
                    self._drop(client)
                else:
                    client.group.stop("the step host was stopped")

    def _wait_seconds(self) -> float:
        waits = [client.group.poll_seconds for client in self._clients if client.group]
        return min(waits, default=_IDLE_SECONDS)

    def _tick(self) -> None:
        groups = {client: client.group for client in self._clients if client.group}
        for group in groups.values():
            group.poll()
        # In this order: what a process that is gone has left behind has been adopted before we look for it.
        gone = [client for client, group in groups.items() if group.has_exited and group.sweep()]
        if groups and end_strays({group.pid for group in groups.values()}):
            gone = []
        for client in gone:
            group = groups[client]
            client.tell(Event("ended", status=group.reap(), reason=group.reason))
            self._drop(client)
        for client in [c for c in self._clients if c.group is None and time.monotonic() > c.deadline]:
            self._drop(client)
        if not self._clients and not self._ending:
            self._on_idle()

    def _accept(self) -> None:
        assert self._listener is not None
        with contextlib.suppress(OSError):
            self.add_client(self._listener.accept()[0])

    def _read(self, client: _Client) -> None:
        try:
            if client.group is None:
                job = client.reader.feed(client.connection)
                if job is not None:
                    self._run(client, job)
            else:
                self._pass_signals_on(client, client.group)
        except (BlockingIOError, InterruptedError):
            return
        except ProtocolError as error:
            self._turn_away(client, str(error))
        except OSError:
            self._client_went_away(client)

    def _pass_signals_on(self, client: _Client, group: StepGroup) -> None:
        data = client.connection.recv(64)
        if not data:
            raise ConnectionError("client went away")
        for number in data:
            if number in _PASSED_ON:
                group.stop("cancelled", signal.Signals(number))

    def _client_went_away(self, client: _Client) -> None:
        if client.group is None:
            self._drop(client)
        else:
            self._selector.unregister(client.connection)
            client.group.stop("the client went away")

    def _drop(self, client: _Client) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(client.connection)
        client.close()
        self._clients.remove(client)

    def _run(self, client: _Client, job: Job) -> None:
        if _is_gone(client.connection):
            self._drop(client)
            return
        if reason := self._refuse(job):
            self._turn_away(client, reason)
            return
        try:
            scratch = make_scratch(job.environment)
        except OSError as error:
            self._turn_away(client, f"cannot make a temporary folder: {error}")
            return
        try:
            pid = self._fork(client, replace(job, environment=job.environment | {"TMPDIR": scratch}))
        except OSError as error:
            remove_scratch(scratch)
            self._turn_away(client, f"cannot fork: {error}")
            return
        client.reader.close()
        client.group = StepGroup(pid, job.limits, scratch)
        client.tell(Event("started", pid=pid))

    def _turn_away(self, client: _Client, reason: str) -> None:
        client.tell(Event("refused", reason=reason))
        self._drop(client)

    def _fork(self, client: _Client, job: Job) -> int:
        parent = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
        try:
            pid = os.fork()
            if pid == 0:
                self._become_step(client, job, parent)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _BLOCKED)
        return pid

    def _become_step(self, client: _Client, job: Job, parent: int) -> NoReturn:
        """In the child: leave nothing of the supervisor behind but its memory, then run the job."""
        status = 1
        try:
            os.setsid()
            processes.die_with_parent(parent)
            processes.prefer_as_victim()
            _connect_streams(client.reader.descriptors)
            self._close_in_child()
            _reset_signals()
            os.chdir(job.cwd)
            status = self._start(job)
        except BaseException:  # noqa: BLE001 nothing may get back into the parent's loop
            traceback.print_exc()
        finally:
            os._exit(status)

    def _close_in_child(self) -> None:
        for client in self._clients:
            client.close()
        for end in (self._listener, self._selector, self._wakeup, self._waker):
            if end is not None:
                end.close()


def _is_gone(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False


def _connect_streams(descriptors: list[int]) -> None:
    stdout, stderr = descriptors
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (stdout, 1), (stderr, 2)):
        os.dup2(source, target)
    os.close(nothing)


def _reset_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in _BLOCKED:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _BLOCKED)
