"""The messages between a client and the supervisor of its step, over one Unix socket.

Client: one job (length, JSON) with the descriptors of stdout and stderr, then one byte for each signal to pass on.
Supervisor: lines of JSON, either `refused`, or `started` and later `ended`.
A side that closes the socket has gone away: the supervisor ends the step, the client takes it for failed.
"""

import json
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from retrainer.runtimes.limits import Limits

PROTOCOL = 1
MAX_JOB_BYTES = 256 * 2**20

_HEADER = struct.Struct(">Q")
_CHUNK = 2**16


class ProtocolError(Exception):
    """The other side does not speak this protocol."""


@dataclass(frozen=True)
class Job:
    """A step to run. `command` runs it in a plain process: the step's name and `--request -` are added.

    `prefix` is the environment (`sys.prefix`) of the client: a host of another one must not run its steps.
    """

    step: str
    request: str
    environment: dict[str, str]
    cwd: str
    command: Sequence[str]
    prefix: str
    limits: Limits
    protocol: int = PROTOCOL


@dataclass(frozen=True)
class Event:
    """What the supervisor tells: kind `refused` (reason), `started` (pid), `ended` (status, reason).

    `status` is the exit status, or minus the number of the signal that ended the step. `reason` says in words why the
    supervisor ended it and is empty if it ended by itself.
    """

    kind: str
    pid: int = 0
    status: int = 0
    reason: str = ""

    def to_line(self) -> bytes:
        """One line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"


def parse_event(line: bytes) -> Event:
    """The event that `to_line` wrote.

    Raises:
        ProtocolError: it is none.
    """
    try:
        return Event(**json.loads(line))
    except (ValueError, TypeError) as error:
        raise ProtocolError(f"not an event: {line[:200]!r}") from error


def send_job(connection: socket.socket, job: Job, descriptors: Sequence[int]) -> None:
    """Send `job` with the descriptors of its stdout and stderr.

    Raises:
        OSError: the supervisor is not there, or did not read within the socket's time-out.
    """
    body = json.dumps(asdict(job)).encode()
    socket.send_fds(connection, [_HEADER.pack(len(body))], list(descriptors))
    connection.sendall(body)


class JobReader:
    """Reads one job from a non-blocking socket, in as many pieces as it comes in."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.descriptors: list[int] = []

    def feed(self, connection: socket.socket) -> Job | None:
        """Read what is there; the job once it is whole.

        Raises:
            ConnectionError: the client has gone away.
            ProtocolError: this is not a job.
        """
        data, descriptors, _, _ = socket.recv_fds(connection, _CHUNK, 2)
        self.descriptors += descriptors
        if not data:
            raise ConnectionError("client went away")
        self._buffer += data
        if len(self._buffer) < _HEADER.size:
            return None
        (length,) = _HEADER.unpack_from(self._buffer)
        if length > MAX_JOB_BYTES:
            raise ProtocolError(f"a job of {length} bytes is over the limit of {MAX_JOB_BYTES}")
        if len(self._buffer) < _HEADER.size + length:
            return None
        return self._parse(bytes(self._buffer[_HEADER.size :]))

    def close(self) -> None:
        """Close the descriptors that came with the job."""
        while self.descriptors:
            os.close(self.descriptors.pop())

    def _parse(self, body: bytes) -> Job:
        if len(self.descriptors) != 2:
            raise ProtocolError(f"a job needs 2 descriptors, got {len(self.descriptors)}")
        try:
            fields = json.loads(body)
            return Job(**{**fields, "limits": Limits(**fields["limits"])})
        except (ValueError, TypeError, KeyError) as error:
            raise ProtocolError("not a job of this version") from error
