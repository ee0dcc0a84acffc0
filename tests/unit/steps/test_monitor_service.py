"""The server's metrics over real HTTP: looked at once an interval, kept, and never a reason to fail."""

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from retrainer.config.serving import Serving
from retrainer.contracts import StepRequest
from retrainer.contracts.monitoring import Measurement
from retrainer.serving.metrics import Metrics
from retrainer.steps import monitor_service
from retrainer.steps.monitor_service import measure_server
from tests.live import as_of
from tests.worlds import World, small_config


class Server:
    """A server that shows `metrics`; `status` is what it answers with."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.status = 200
        self.page: bytes | None = None
        self.asked = 0
        self.url = ""

    def answer(self, times: int, *, seconds: float = 0.02) -> None:
        for _ in range(times):
            self.metrics.answered("flight_delay", 1, "model", seconds=seconds, records=1)


@pytest.fixture
def server() -> Iterator[Server]:
    shown = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.asked += 1
            body = shown.metrics.render() if shown.page is None else shown.page
            self.send_response(shown.status if self.path == "/metrics" else 404)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quietly."""

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        shown.url = f"http://127.0.0.1:{http.server_address[1]}"
        yield shown
        http.shutdown()


@pytest.fixture
def world(tmp_path: Path, server: Server) -> World:
    config = small_config().model_copy(update={"serving": Serving()})
    return World(tmp_path, config, server.url)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor_service, "_PAUSE_SECONDS", 0.0)


def request_of(world: World, days: int, **params: Any) -> StepRequest:
    return world.request("monitor", as_of(days), {}).model_copy(update={"params": params})


def measure(world: World, days: int = 1, **params: Any) -> dict[str, Measurement]:
    found = measure_server(world.config, world.settings, request_of(world, days, **params))
    return {each.measure: each for each in found}


def test_each_interval_is_what_the_server_did_since_the_last_one(world, server):
    server.answer(100)
    first = measure(world, 1)
    server.answer(50, seconds=2)
    second = measure(world, 2)
    assert (first["p95_ms"].rows, first["p95_ms"].flagged) == (100, False)
    assert (second["p95_ms"].rows, second["p95_ms"].flagged) == (50, True)
    assert second["p95_ms"].interval == request_of(world, 2).interval
    assert set(second) == {
        "p50_ms",
        "p95_ms",
        "p99_ms",
        "error_share",
        "requests_per_second",
        "cpu_seconds",
        "memory_mb",
    }


def test_an_interval_that_is_measured_again_is_measured_by_the_same_look(world, server):
    server.answer(100)
    first = measure(world, 1)
    server.answer(500, seconds=2)
    measure(world, 2)
    assert measure(world, 1) == first
    assert server.asked == 2


def test_a_night_without_a_run_is_part_of_the_next_interval(world, server):
    measure(world, 1)
    server.answer(30)
    assert measure(world, 5)["p50_ms"].rows == 30


def test_a_backfilled_run_asks_nobody(world, server):
    found = measure(world, 1, backfill=True)
    assert server.asked == 0
    assert (found["error_share"].value, found["error_share"].flagged) == (None, False)
    measure(world, 1)
    assert len(measure(world, 1, backfill=True)) == 7


def test_a_server_that_is_away_is_flagged_and_looked_at_again_by_the_next_try(world, server):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    away = World(world.home, world.config, nobody)
    (found,) = measure(away).values()
    assert (found.measure, found.value, found.flagged, found.rows) == ("error_share", 1.0, True, 3)
    assert found.note.startswith(f"the model server at {nobody} does not answer: ")
    assert len(measure(world)) == 7


def test_a_server_that_fails_is_asked_three_times(world, server):
    server.status = 500
    assert measure(world)["error_share"].note.endswith("answers 500 to GET /metrics")
    assert server.asked == 3


@pytest.mark.parametrize("page", [b"", b"<html>", b"retrainer_requests_total{model= 1\n"])
def test_what_is_no_model_server_is_flagged(world, server, page):
    server.page = page
    found = measure(world)["error_share"]
    assert found.flagged
    assert "does not answer as one of this version" in found.note


def test_an_address_that_is_none_does_not_fail_the_run(world):
    found = measure(World(world.home, world.config, "ftp://somewhere"))["error_share"]
    assert found.flagged
    assert "serving_uri must be" in found.note


def test_where_nothing_is_served_nothing_is_measured(world, server):
    assert measure(World(world.home, world.config)) == {}
    not_served = world.config.model_copy(update={"serving": None})
    assert measure(World(world.home, not_served, server.url)) == {}
    assert server.asked == 0


def test_a_kept_look_that_is_not_understood_is_as_if_nobody_had_looked(world, server):
    measure(world, 1)
    (kept,) = world.home.rglob("scrapes/*.json")
    kept.write_text('{"now": {}}')
    server.answer(30)
    assert measure(world, 1)["p50_ms"].rows == 30
