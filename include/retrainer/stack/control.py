"""How the launcher, the guard and the supervisor hear of each other: signals, a line of commands, its end."""

import json
import os
import signal
import socket
import sys
import time
from contextlib import suppress

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
_CHUNK = 65536


class SignalReader:
    """Signals as bytes on a socket, so that one `select` waits for signals and commands alike."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)

    def fileno(self) -> int:
        return self._reader.fileno()

    def stop_asked(self) -> bool:
        """Whether a signal has come since the last call that asks to stop. Forgets all that have come."""
        numbers = b""
        with suppress(BlockingIOError):
            while chunk := self._reader.recv(_CHUNK):
                numbers += chunk
        return any(number != signal.SIGCHLD for number in numbers)


class CommandReader:
    """Lines that the parent process writes to stdin. Its end says that the parent is gone."""

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor
        self._rest = b""

    def fileno(self) -> int:
        return self._descriptor

    def first_line(self) -> str:
        """The first line, waiting for it. Empty where the parent ended before."""
        while b"\n" not in self._rest:
            chunk = os.read(self._descriptor, _CHUNK)
            if not chunk:
                return ""
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()

    def lines(self) -> list[str] | None:
        """The lines that are there, or None at the end. To be called when `select` says that there is something."""
        chunk = os.read(self._descriptor, _CHUNK)
        if not chunk and b"\n" not in self._rest:  # lines may have come together with the first one
            return None
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [line.decode() for line in lines]


class EventWriter:
    """Events as lines of JSON on stdout, for the launcher, and on stderr, for the log. Never blocks."""

    def __init__(self) -> None:
        self._listening = True
        os.set_blocking(sys.stdout.fileno(), False)

    def write(self, kind: str, **facts: str) -> None:
        """`kind` is started, ended, restarting, failed or stopped; `facts` says of what, and how."""
        line = json.dumps({"kind": kind, **facts}) + "\n"
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        sys.stderr.write(f"{stamp} {kind} {' '.join(f'{name}={value}' for name, value in facts.items())}\n")
        sys.stderr.flush()
        if self._listening:
            try:
                os.write(sys.stdout.fileno(), line.encode())
            except BlockingIOError:
                pass
            except OSError:
                self._listening = False
