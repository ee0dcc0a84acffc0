"""The model server against `mlflow models serve` and against a route of FastAPI that does nothing: same model, same
machine, same requests.

Each server runs on one core, the client on another. They are asked in turn, five rounds, so that what the machine does
meanwhile meets all of them; each figure is the median of the rounds. Every answer is checked against scikit-learn.
"""

import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from contenders import FOLDER, Contender, serving
from http_load import Outcome
from serving_world import NAME, Served, free_port, status, trained_twice

ROUNDS = 5
CONNECTIONS = 32
RATE = 200.0
"""Requests a second of the open loop: far below what the fast ones can do."""

Figure = dict[str, object]
Rounds = list[tuple[Outcome, ...]]


def measure(scale: float = 1.0) -> dict[str, Figure]:
    """Throughput at 32 connections, latency of single requests, and requests that fail while versions are swapped."""
    seconds = max(4 * scale, 0.5)
    with tempfile.TemporaryDirectory(prefix="retrainer-bench-") as folder:
        world = trained_twice(Path(folder))
        with contenders(world) as (retrainer, empty, mlflow):
            many: Rounds = []
            single: Rounds = []
            for _ in range(ROUNDS):
                everyone = (retrainer, empty, mlflow)
                many.append(tuple(each.load(seconds=seconds, connections=CONNECTIONS) for each in everyone))
                fast = (retrainer, empty)
                single.append(tuple(each.load(seconds=seconds, connections=8, rate=RATE) for each in fast))
            _check(outcome for round_ in (*many, *single) for outcome in round_)
            swaps = swapped(world, retrainer, swaps=max(round(200 * scale), 2))
    return _figures(many, single) | swaps


@contextmanager
def contenders(world: Served) -> Iterator[tuple[Contender, Contender, Contender]]:
    """Retrainer's server, the empty route, and MLflow's server, all up."""
    ports = [free_port() for _ in range(3)]
    right = [
        {str(version): values[place] for version, values in world.answers.items()}
        for place in range(len(world.records))
    ]
    environ = {
        **os.environ,
        **world.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "true",  # MLflow loads a skops file only then; Retrainer never does
    }
    retrainer = [sys.executable, "-m", "retrainer.cli.main", "serve", "--port", str(ports[0])]
    empty = [sys.executable, str(FOLDER / "empty_route.py"), str(ports[1])]
    with ExitStack() as stack:
        files = stack.enter_context(world.files(max(world.answers)))
        mlflow = ["mlflow", "models", "serve", "-m", str(files), "--env-manager", "local", "-p", str(ports[2])]
        for port, command, alive in zip(
            ports, (retrainer, empty, mlflow), ("/health/ready", "/openapi.json", "/ping"), strict=True
        ):
            stack.enter_context(serving(command, folder=world.world.home, port=port, alive=alive, environ=environ))
        newest = [{"*": each[str(max(world.answers))]} for each in right]
        yield (
            Contender("retrainer", ports[0], f"/v1/models/{NAME}/predict", world.bodies(), right, "retrainer"),
            Contender("empty route", ports[1], "/predict", world.bodies(), [{}] * len(right)),
            Contender("mlflow", ports[2], "/invocations", world.mlflow_bodies(), newest, "mlflow"),
        )


def swapped(world: Served, server: Contender, *, swaps: int) -> dict[str, Figure]:
    """Swap the two versions to and fro while eight connections ask without a pause."""
    outcomes: list[Outcome] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            outcomes.append(server.load(seconds=5, connections=8))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        times = [_swap(world, server, 1 + number % 2) for number in range(swaps)]
    finally:
        done.set()
        asking.join()
    requests = sum(outcome.requests for outcome in outcomes)
    failed = sum(outcome.failed + outcome.wrong for outcome in outcomes)
    slowest = max(times)
    errors = [error for outcome in outcomes for error in outcome.errors][:1]
    what = f"failed or mixed-up answers among {requests:,} during {swaps} swaps" + "".join(f": {e}" for e in errors)
    return {
        "swap_failed_requests": _figure(float(failed), "requests", 0, "lower", what),
        "swap_seconds": _figure(
            round(slowest, 2), "s", 3, "lower", f"entry in the ledger to served, the slowest of {swaps} under load"
        ),
    }


def _swap(world: Served, server: Contender, version: int) -> float:
    """Promote a version; seconds until the server answers with it."""
    url = f"http://127.0.0.1:{server.port}"
    start = time.monotonic()
    sequence = world.promote(version)
    httpx.post(f"{url}/v1/models/{NAME}/refresh", trust_env=False, timeout=10).raise_for_status()
    while (now := status(url))["sequence"] < sequence:
        if time.monotonic() - start > 60:
            raise RuntimeError(f"v{version} is not served: {now}")
        time.sleep(0.02)
    if now["champion"]["version"] != version:
        raise RuntimeError(f"v{version} was refused: {now}")
    return time.monotonic() - start


def _check(outcomes: Iterator[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.failed or outcome.wrong:
            raise RuntimeError(
                f"{outcome.failed} requests failed, {outcome.wrong} answers were wrong: {outcome.errors}"
            )


def _figures(many: Rounds, single: Rounds) -> dict[str, Figure]:
    rps = [[outcome.requests_per_second for outcome in round_] for round_ in many]
    p95 = [[outcome.p95_ms for outcome in round_] for round_ in many]
    ours, empty, mlflow = (statistics.median(each) for each in zip(*rps, strict=True))
    ours_p95, _, mlflow_p95 = (statistics.median(each) for each in zip(*p95, strict=True))
    alone = [(first.p95_ms, second.p95_ms) for first, second in single]
    both = ", ".join(f"{statistics.median(each):.2f} ms" for each in zip(*alone, strict=True))
    at = f"at {CONNECTIONS} connections, one core each, median of {ROUNDS} interleaved rounds"
    return {
        "serve_rps_vs_mlflow": _figure(
            _median(row[0] / row[2] for row in rps),
            "ratio",
            30,
            "higher",
            f"requests/s of the server ({ours:,.0f}) over `mlflow models serve` ({mlflow:,.0f}) {at}",
        ),
        "serve_p95_vs_mlflow": _figure(
            _median(row[2] / row[0] for row in p95),
            "ratio",
            20,
            "higher",
            f"p95 of `mlflow models serve` ({mlflow_p95:.1f} ms) over that of the server ({ours_p95:.1f} ms) {at}",
        ),
        "serve_rps_vs_empty_route": _figure(
            _median(row[0] / row[1] for row in rps),
            "ratio",
            0.5,
            "higher",
            f"requests/s of the server ({ours:,.0f}) over a FastAPI route that does nothing ({empty:,.0f}) {at}",
        ),
        "serve_p95_ms_over_empty_route": _figure(
            _median(first - second for first, second in alone),
            "ms",
            1.0,
            "lower",
            f"p95 of single requests, {RATE:g}/s in an open loop: server and empty route {both}",
        ),
    }


def _median(values: Iterator[float]) -> float:
    return round(statistics.median(values), 3)


def _figure(value: float, unit: str, target: float, better: str, what: str) -> Figure:
    return {"value": value, "unit": unit, "target": target, "better": better, "what": what}
