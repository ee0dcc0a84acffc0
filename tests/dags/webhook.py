"""A Slack of the tests' own: one that takes messages or refuses them, and one that never ends its answer."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

CONNECTION = "alerts"


class Webhook(HTTPServer):
    """Takes messages, keeps them, and answers with `status`; those with a word of `refused` with 400."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages: list[str] = []
        self.status = 200
        self.refused: set[str] = set()


class _Handler(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        text = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"]
        is_refused = any(word in text for word in self.server.refused)
        if not is_refused:
            self.server.messages.append(text)
        self.send_response(400 if is_refused else self.server.status)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def running_webhook() -> Iterator[Webhook]:
    server = Webhook()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def hanging_webhook() -> Iterator[int]:
    """The port of a server that answers one byte now and then, which defeats a time-out for each read."""
    stop = threading.Event()

    def drip() -> None:
        connection, _ = silent.accept()
        with connection:
            for byte in b"HTTP/1.1 200 OK\r\n" * 100:
                if stop.wait(0.2):
                    return
                connection.send(bytes([byte]))

    with socket.create_server(("127.0.0.1", 0)) as silent:
        dripping = threading.Thread(target=drip)
        dripping.start()
        try:
            yield silent.getsockname()[1]
        finally:
            stop.set()
            dripping.join()


def connect(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """Airflow's connection `alerts` leads to that port."""
    connection = {"conn_type": "slackwebhook", "password": f"http://127.0.0.1:{port}/T000/B000/secret-token"}
    monkeypatch.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", json.dumps(connection))
