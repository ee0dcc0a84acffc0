"""An HTTP load generator in a process of its own: closed loop for throughput, open loop for latency.

Reads one Load as JSON from stdin, prints one Outcome as JSON. Connections are kept alive; requests are bytes made
beforehand, and every answer is checked. One core of it makes about 20,000 requests a second, more than any server here
answers on one core.
"""

import asyncio
import sys
import time
from collections import Counter
from typing import Literal, cast

import msgspec
import uvloop

Answer = Literal["any", "retrainer", "mlflow"]


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask, how, and for how long. `expected` has one number a body: what the answer has to be to 1e-6."""

    port: int
    path: str
    bodies: list[str]
    expected: list[dict[str, float]]
    """For each body the right number of its first record, by version or for all (`*`); empty: any answer is right."""
    answer: Answer = "any"
    connections: int = 32
    seconds: float = 5.0
    rate: float = 0.0
    """Requests a second, sent on time whatever is still unanswered (open loop); 0: each connection sends its next one
    when it has its answer (closed loop)."""


class Outcome(msgspec.Struct, kw_only=True):
    """What came of it. Latencies in milliseconds; those of an open loop count from when the request was due."""

    seconds: float
    requests: int
    failed: int
    """No answer, or a status other than 200."""
    wrong: int
    """Answers that are not what was expected."""
    requests_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    versions: dict[str, int]
    errors: list[str]


class _Prediction(msgspec.Struct):
    value: float
    version: int | None = None


class _Retrainer(msgspec.Struct):
    predictions: list[_Prediction]


class _MLflow(msgspec.Struct):
    predictions: list[list[float] | float]


_DECODERS = {"retrainer": msgspec.json.Decoder(_Retrainer), "mlflow": msgspec.json.Decoder(_MLflow)}


class Tally:
    """Counts answers, and checks them."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.milliseconds: list[float] = []
        self.failed = 0
        self.wrong = 0
        self.versions: Counter[str] = Counter()
        self.errors: list[str] = []

    def answered(self, index: int, *, due: float, head: bytes, body: bytes) -> None:
        """The answer to request `index` is there."""
        self.milliseconds.append((time.perf_counter() - due) * 1000)
        if not head.startswith(b"HTTP/1.1 200"):
            self.lost(f"{head[:60]!r} {body[:200]!r}")
        elif self.load.answer != "any" and not self._is_right(index, body):
            self.wrong += 1
            self._note(f"body {index}: {body[:200]!r}")

    def lost(self, why: str) -> None:
        """A request failed."""
        self.failed += 1
        self._note(why)

    def _note(self, text: str) -> None:
        if len(self.errors) < 5:
            self.errors.append(text)

    def _is_right(self, index: int, body: bytes) -> bool:
        content = _DECODERS[self.load.answer].decode(body)
        version = "*"
        if isinstance(content, _Retrainer):
            first = content.predictions[0]
            version, value = str(first.version), first.value
            self.versions[version] += 1
        else:
            found = content.predictions[0]
            value = found[-1] if isinstance(found, list) else found
        expected = self.load.expected[index]
        right = expected.get(version, expected.get("*"))
        return not expected or (right is not None and abs(value - right) <= 1e-6)


class Connection(asyncio.Protocol):
    """One connection: a request, its answer, then the next one."""

    def __init__(self, tally: Tally, requests: list[bytes], start: int) -> None:
        self._tally, self._requests = tally, requests
        self._index = start % len(requests)
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._due = 0.0
        self.busy = False
        self.going_on = True
        self.closed_loop = True
        self.idle: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance

    def ask(self, due: float | None = None) -> None:
        """Send the next request."""
        assert self._transport is not None
        self._due = due if due is not None else time.perf_counter()
        self.busy = True
        self._transport.write(self._requests[self._index])

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return
        self._tally.answered(self._index, due=self._due, head=head, body=body)
        self._received = b""
        self._index = (self._index + 1) % len(self._requests)
        self.busy = False
        if self.going_on and self.closed_loop:
            self.ask()
        elif not self.going_on and not self.idle.done():
            self.idle.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.busy:
            self._tally.lost(f"the connection was closed: {exc}")
            self.busy = False
        if not self.idle.done():
            self.idle.set_result(None)

    async def finish(self) -> None:
        """Wait for the last answer, then close."""
        self.going_on = False
        if self.busy:
            await asyncio.wait_for(self.idle, 30)
        assert self._transport is not None
        self._transport.close()


def _content_length(head: bytes) -> int:
    place = head.lower().find(b"content-length:")
    return int(head[place + 15 :].split(b"\r\n", 1)[0])


async def run(load: Load) -> Outcome:
    """Make the load."""
    tally = Tally(load)
    requests = [_request(load, body) for body in load.bodies]
    loop = asyncio.get_running_loop()
    connections = []
    for number in range(load.connections):
        start = number * 7
        _, connection = await loop.create_connection(
            lambda start=start: Connection(tally, requests, start), "127.0.0.1", load.port
        )
        connection.closed_loop = not load.rate
        connections.append(connection)
    began = time.perf_counter()
    if load.rate:
        await _open_loop(load, connections, began)
    else:
        for connection in connections:
            connection.ask()
        await asyncio.sleep(load.seconds)
    await asyncio.gather(*(connection.finish() for connection in connections))
    return _outcome(tally, time.perf_counter() - began)


async def _open_loop(load: Load, connections: list[Connection], began: float) -> None:
    """One request every 1 / rate seconds; where no connection is free, it waits, and its latency with it."""
    for number in range(int(load.rate * load.seconds)):
        due = began + number / load.rate
        while (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(max(wait - 0.0005, 0))
        while (free := next((each for each in connections if not each.busy), None)) is None:
            await asyncio.sleep(0.0001)
        free.ask(due)


def _request(load: Load, body: str) -> bytes:
    content = body.encode()
    head = (
        f"POST {load.path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"content-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def _outcome(tally: Tally, seconds: float) -> Outcome:
    times = sorted(tally.milliseconds) or [float("nan")]

    def percentile(percent: int) -> float:
        return times[min(len(times) * percent // 100, len(times) - 1)]

    return Outcome(
        seconds=seconds,
        requests=len(tally.milliseconds),
        failed=tally.failed,
        wrong=tally.wrong,
        requests_per_second=len(tally.milliseconds) / seconds,
        p50_ms=percentile(50),
        p95_ms=percentile(95),
        p99_ms=percentile(99),
        versions=dict(tally.versions),
        errors=tally.errors,
    )


def main() -> None:
    """One load from stdin."""
    load = msgspec.json.decode(sys.stdin.buffer.read(), type=Load)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(load))))


if __name__ == "__main__":
    main()
