"""The client that asks all through the demo, against a small HTTP server."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from retrainer.config.load import load_declaration
from retrainer.demo.steady import SteadyClient, example_record
from retrainer.errors import StackError
from tests.worlds import PROJECT


class Server(ThreadingHTTPServer):
    """Answers with `status`; `asked` is set again by each request for a prediction."""

    status = 404
    champion: dict[str, int] | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = threading.Semaphore(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answers(self, status: int, count: int = 3) -> None:
        """Answer the next requests with `status`, until some have been answered."""
        self.status = status
        while self.asked.acquire(blocking=False):
            pass
        for _ in range(count + 1):  # the first one may have been under way before
            assert self.asked.acquire(timeout=10)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._say({"predictions": [{"value": 0.5, "version": 4, "source": "model"}]})
        self.server.asked.release()

    def do_GET(self) -> None:
        self._say({"champion": self.server.champion})

    def _say(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    yield served
    served.shutdown()
    thread.join()
    served.server_close()


def test_nothing_is_counted_until_the_first_model_is_there(server):
    with SteadyClient(server.url, "flights", {"distance": 1}) as client:
        server.answers(404)
        before = client.traffic()
        server.answers(200)

    assert before.requests == 0
    assert client.traffic().failures == 0
    assert client.traffic().answers["v4"] >= 3
    assert client.traffic().p95_ms > 0


def test_once_there_was_an_answer_each_request_without_one_is_a_failure(server):
    with SteadyClient(server.url, "flights", {"distance": 1}) as client:
        server.answers(200)
        server.answers(503)

    traffic = client.traffic()
    assert traffic.failures >= 3
    assert traffic.requests == traffic.answers["v4"] + traffic.failures
    assert "503" in traffic.errors[0]


def test_it_says_which_version_is_served(server):
    client = SteadyClient(server.url, "flights", {})

    assert client.served() is None
    server.status = 200
    assert client.served() is None
    server.champion = {"version": 7}
    assert client.served() == 7
    server.status = 500
    with pytest.raises(StackError):
        client.served()


def test_the_record_of_the_example_has_every_input_and_nothing_that_is_looked_up():
    config = load_declaration(PROJECT / "config" / "models" / "flight_delay.yaml")

    assert tuple(example_record(config)) == config.features.inputs
