"""Overload, large bodies and slow clients, against uvicorn on a real socket."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from retrainer.serving.admission import Admission
from retrainer.serving.protocol import timed_protocol

MAX_WAITING, MAX_BODY, PATIENCE = 3, 1000, 0.4


@dataclass
class Served:
    """A server whose application reads the whole body, and holds a request for /held until it is let go."""

    port: int = 0
    refused: list[int] = field(default_factory=list)
    held: int = 0
    release: asyncio.Event = field(default_factory=asyncio.Event)
    loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        length, more = 0, True
        while more:
            message = await receive()
            length += len(message.get("body", b""))
            more = message.get("more_body", False)
        if scope["path"] == "/held":
            self.held += 1
            await self.release.wait()
        body = str(length).encode()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def let_go(self) -> None:
        assert self.loop is not None
        self.loop.call_soon_threadsafe(self.release.set)


@pytest.fixture
def served() -> Iterator[Served]:
    application = Served()
    admission = Admission(
        application, max_waiting=MAX_WAITING, max_body_bytes=MAX_BODY, on_refused=application.refused.append
    )
    config = uvicorn.Config(admission, http=timed_protocol(PATIENCE), lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    application.port = listening.getsockname()[1]

    async def serve() -> None:
        application.loop = asyncio.get_running_loop()
        await server.serve(sockets=[listening])

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    yield application
    application.let_go()
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


def connect(served: Served) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=10)
    connection.settimeout(10)
    return connection


def all_of(connection: socket.socket) -> bytes:
    """What the server sends until it closes the connection."""
    received = b""
    while piece := connection.recv(65536):
        received += piece
    return received


def hold(served: Served) -> None:
    """A request that is answered when it is let go."""
    assert httpx.get(f"{served.url}/held", trust_env=False, timeout=20).status_code == 200


def trickle(connection: socket.socket) -> None:
    """A byte every fiftieth of a second, for ten times as long as the server is patient."""
    for _ in range(int(10 * PATIENCE / 0.02)):
        connection.sendall(b"x")
        threading.Event().wait(0.02)


def test_beyond_the_bound_requests_are_told_to_come_back_and_probes_are_answered(served):
    with httpx.Client(base_url=served.url, trust_env=False, timeout=20) as client:
        holders = [threading.Thread(target=hold, args=(served,)) for _ in range(MAX_WAITING)]
        for holder in holders:
            holder.start()
        while served.held < MAX_WAITING:
            threading.Event().wait(0.01)

        refused = client.get("/one-too-many")
        live = client.get("/health/live")
        served.let_go()
        for holder in holders:
            holder.join()
        afterwards = client.get("/one-more")

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["status"] == 429
    assert live.status_code == 200
    assert afterwards.status_code == 200
    assert served.refused == [429]


def test_a_body_of_the_largest_size_is_taken(served):
    assert httpx.post(served.url, content=b"x" * MAX_BODY, trust_env=False).text == str(MAX_BODY)


def test_a_body_that_says_it_is_too_large_is_refused_before_it_is_sent(served):
    with connect(served) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 52428800\r\n\r\n")
        answer = all_of(connection)

    assert b" 413 " in answer.splitlines()[0]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == 413
    assert served.refused == [413]


def test_a_body_in_chunks_is_cut_off_where_it_is_too_large(served):
    def pieces() -> Iterator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    assert httpx.post(served.url, content=pieces(), trust_env=False).status_code == 413


def test_a_body_in_chunks_of_the_largest_size_is_taken(served):
    assert httpx.post(served.url, content=iter([b"x" * MAX_BODY]), trust_env=False).text == str(MAX_BODY)


@pytest.mark.parametrize(
    "beginning",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"POST / HTTP/1.1\r\nhost:", id="half a head"),
        pytest.param(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf", id="half a body"),
    ],
)
def test_who_does_not_send_a_whole_request_in_time_is_cut_off(served, beginning):
    with connect(served) as connection:
        connection.sendall(beginning)
        answer = all_of(connection)

    assert b" 408 " in answer.splitlines()[0]


def test_who_sends_byte_by_byte_is_cut_off_although_something_always_comes(served):
    with connect(served) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            trickle(connection)


def test_slow_clients_do_not_keep_others_waiting(served):
    slow = [connect(served) for _ in range(200)]
    for connection in slow:
        connection.sendall(b"POST / HTTP/1.1\r\n")

    assert httpx.get(served.url, trust_env=False).status_code == 200
    assert all(b" 408 " in all_of(connection) for connection in slow)
    for connection in slow:
        connection.close()


def test_a_connection_may_send_one_request_after_another_for_longer_than_the_deadline(served):
    with httpx.Client(base_url=served.url, trust_env=False) as client:
        for _ in range(4):
            assert client.get("/").status_code == 200
            threading.Event().wait(PATIENCE / 2)
