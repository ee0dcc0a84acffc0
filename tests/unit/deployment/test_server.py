"""Asking a model server over HTTP: what it says, and what is told when it says nothing or something else."""

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from retrainer.contracts import ModelStatus
from retrainer.deployment.server import ModelServer
from retrainer.errors import ConfigurationError, ModelServerError

STATUS = ModelStatus(model="flight_delay", sequence=7, ready=True)


class Handler(BaseHTTPRequestHandler):
    reply: tuple[int, str]
    seen: list[tuple[str, str, str | None]]

    def do_GET(self) -> None:
        self.seen.append((self.command, self.path, self.headers.get("authorization")))
        status, body = self.reply
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_POST = do_GET  # noqa: N815 http.server calls it so

    def log_message(self, *_: object) -> None:
        """Quietly."""


@pytest.fixture
def handler() -> type[Handler]:
    return type("OneTest", (Handler,), {"reply": (200, STATUS.to_json()), "seen": []})


@pytest.fixture
def url(handler: type[Handler]) -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_the_status_of_a_model_is_read(url: str, handler: type[Handler]) -> None:
    assert ModelServer(url + "/").status("flight_delay") == STATUS
    assert handler.seen == [("GET", "/v1/models/flight_delay", None)]


def test_a_refresh_is_posted_with_the_admin_key(url: str, handler: type[Handler]) -> None:
    handler.reply = (202, "")
    ModelServer(url, "s3cret").refresh("flight_delay")
    assert handler.seen == [("POST", "/v1/models/flight_delay/refresh", "Bearer s3cret")]


def test_a_model_that_it_does_not_serve_has_no_status(url: str, handler: type[Handler]) -> None:
    handler.reply = (404, "{}")
    server = ModelServer(url)
    assert server.status("another") is None
    server.refresh("another")


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_is_not_accepted_is_a_wrong_setting_and_is_not_repeated(
    url: str, handler: type[Handler], status: int
) -> None:
    handler.reply = (status, "{}")
    with pytest.raises(ConfigurationError, match=f"does not accept the admin key: it answers {status}") as refused:
        ModelServer(url, "s3cret").refresh("flight_delay")
    assert "retrainer keys new admin" in str(refused.value)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ((500, "oops"), "answers 500 to GET /v1/models/flight_delay"),
        ((429, ""), "answers 429"),
        ((200, "<html>"), "does not answer as one of this version"),
        ((200, '{"model": "flight_delay"}'), "does not answer as one of this version: sequence: Field required"),
    ],
    ids=["an error", "overloaded", "not JSON", "another contract"],
)
def test_whatever_else_it_answers_may_be_better_later(
    url: str, handler: type[Handler], reply: tuple[int, str], message: str
) -> None:
    handler.reply = reply
    with pytest.raises(ModelServerError, match=message) as raised:
        ModelServer(url).status("flight_delay")
    assert raised.value.exit_status == 1


def test_a_server_that_is_down_is_named_without_its_password() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens there
        port = taken.getsockname()[1]
        with pytest.raises(ModelServerError) as raised:
            ModelServer(f"http://me:not-to-be-told@127.0.0.1:{port}").status("flight_delay")
    message = str(raised.value)
    assert message.startswith(f"the model server at http://127.0.0.1:{port} does not answer: ")
    assert "Start it with `retrainer serve`" in message
    assert "not-to-be-told" not in message
    assert raised.value.exit_status == 1


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "localhost", "ftp://somewhere", "http://", "http://[::1"])
def test_what_is_no_address_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(ConfigurationError, match="serving_uri"):
        ModelServer(url)


def test_what_it_counts_is_read_as_text(url: str, handler: type[Handler]) -> None:
    handler.reply = (200, "retrainer_requests_total 1\n")
    assert ModelServer(url).metrics() == "retrainer_requests_total 1\n"
    assert handler.seen == [("GET", "/metrics", None)]
    handler.reply = (404, "{}")
    with pytest.raises(ModelServerError, match="has no metrics"):
        ModelServer(url).metrics()
