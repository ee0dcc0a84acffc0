"""A model server of the tests' own: it follows a real ledger and says over real HTTP what it would be serving."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from retrainer.contracts import ModelStatus, Refusal, ServedVersion
from retrainer.deployment import Standing, standing
from retrainer.ledger import Ledger

Counted = Callable[[int, Standing], dict[str, Any]]


class StandInServer:
    """What it does with each version is up to the test.

    `refuses`: versions that it will not serve, and why. `counted`: requests, errors and p95_ms of a version where the
    model stands so. `down_when`: where the model stands when it cannot answer (503). `follows`: whether it looks at the
    ledger at all. `asked`: every request, as method and path.
    """

    def __init__(self, ledger_url: str) -> None:
        self.refuses: dict[int, str] = {}
        self.counted: Counted = lambda version, now: {}
        self.follows = True
        self.knows = True
        self.breaker = "closed"
        self.down_when: Callable[[Standing], bool] = lambda now: False
        self.admin_key = ""
        self.asked: list[tuple[str, str]] = []
        self._ledger = Ledger.open(ledger_url)
        self._lock = threading.Lock()
        self._status: dict[str, ModelStatus] = {}
        self._since: dict[int, datetime] = {}

    def is_down(self, model: str) -> bool:
        """Can it not answer now?"""
        return self.down_when(standing(self._ledger.entries(model)))

    def status(self, model: str) -> ModelStatus:
        """What it says of `model`, once it has looked at the ledger."""
        with self._lock:
            entries = self._ledger.entries(model)
            if self.follows or model not in self._status:
                self._status[model] = self._follow(model, standing(entries))
            return self._status[model]

    def restart(self) -> None:
        """Nothing is in memory any more."""
        with self._lock:
            self._status.clear()
            self._since.clear()

    def _follow(self, model: str, now: Standing) -> ModelStatus:
        before = self._status.get(model)
        champion = now.champion
        if champion in self.refuses:  # it goes on with what it has
            champion = before.champion.version if before and before.champion else None
        split = now.split if now.split and now.split.version not in self.refuses else None
        shadow = now.shadow if now.shadow not in self.refuses else None
        wanted = [now.champion, now.split.version if now.split else None, now.shadow]
        refused = [
            Refusal(version=v, sequence=now.sequence, reason=self.refuses[v]) for v in wanted if v in self.refuses
        ]
        return ModelStatus(
            model=model,
            sequence=now.sequence,
            ready=True,
            champion=None if now.off else self._served(champion, now),
            split=split,
            split_version=self._served(split.version if split else None, now),
            shadow=self._served(shadow, now),
            off=now.off,
            breaker=self.breaker,
            refused=tuple(refused),
        )

    def _served(self, version: int | None, now: Standing) -> ServedVersion | None:
        if version is None:
            return None
        since = self._since.setdefault(version, datetime.now(UTC))
        return ServedVersion(version=version, runtime="onnx", since=since, **self.counted(version, now))


class _Handler(BaseHTTPRequestHandler):
    server: "_Http"

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def _answer(self, method: str) -> None:
        stand_in = self.server.stand_in
        stand_in.asked.append((method, self.path))
        model = self.path.split("/")[3]
        if stand_in.admin_key and self.headers.get("authorization") != f"Bearer {stand_in.admin_key}":
            self._send(401, {"title": "Unauthorized"})
        elif not stand_in.knows:
            self._send(404, {"title": "Not Found"})
        elif stand_in.is_down(model):
            self._send(503, {"title": "Service Unavailable"})
        elif method == "POST":
            self._send(202, {})
        else:
            self._send(200, stand_in.status(model).model_dump(mode="json"))

    def _send(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quietly."""


class _Http(ThreadingHTTPServer):
    stand_in: StandInServer


@contextmanager
def listening(stand_in: StandInServer, port: int = 0) -> Iterator[str]:
    """The address at which it answers; after the block nobody does."""
    with _Http(("127.0.0.1", port), _Handler) as http:
        http.stand_in = stand_in
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_address[1]}"
        finally:
            http.shutdown()
            thread.join()
