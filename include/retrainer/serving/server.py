"""The model server's process: `retrainer serve`.

One process with one event loop answers; its child, the supply, brings it versions. It starts in about a second, since
neither MLflow nor SQLAlchemy, pandas or scikit-learn is imported here.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import uvicorn

from retrainer.config.runtime import RuntimeSettings, find_project_root, load_settings
from retrainer.errors import RetrainerError, StackError
from retrainer.online import Online
from retrainer.predictions import PredictionLog, log_folder
from retrainer.runtimes.environment import step_environment
from retrainer.serving.app import create_app
from retrainer.serving.candidate import Candidates
from retrainer.serving.loading import Loader
from retrainer.serving.local_copy import serving_folder
from retrainer.serving.metrics import Metrics
from retrainer.serving.protocol import timed_protocol
from retrainer.serving.shadows import Shadows
from retrainer.serving.slot import Slots
from retrainer.serving.swap import Swapper
from retrainer.serving.tools import Tools
from retrainer.serving.watch import SupplyWatch
from retrainer.steps.libraries import LOAD_ENVIRONMENT

log = logging.getLogger(__name__)

_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 75
_GRACE_SECONDS = 4
"""For requests under way at the end: the local stack kills what has not ended after 5 s."""


@click.command()
@click.option("--host", help="Address to listen on. Default: the setting serving_host.")
@click.option("--port", type=click.IntRange(0, 65535), help="Default: the setting serving_port. 0: one that is free.")
def main(host: str | None, port: int | None) -> None:
    """Answer for the models in production until SIGTERM."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("retrainer").setLevel(logging.INFO)
    try:
        settings = load_settings(os.environ, find_project_root(Path.cwd()))
        given = {"serving_host": host, "serving_port": port}
        settings = settings.model_copy(update={name: value for name, value in given.items() if value is not None})
        with _listening(settings) as listener:
            settings = settings.model_copy(update={"serving_port": listener.getsockname()[1]})
            with asyncio.Runner(loop_factory=_new_loop) as runner:
                runner.run(_Process(settings, listener).run())
    except RetrainerError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_status)


class _Process:
    """Everything that a server has once, and the order in which it begins and ends."""

    def __init__(self, settings: RuntimeSettings, listener: socket.socket) -> None:
        self._listener = listener
        folder = serving_folder(settings.home)
        self._log = PredictionLog(log_folder(settings.home))
        self._shadows = Shadows(self._log)
        self._online = Online(settings.home)
        metrics = Metrics()
        tools = Tools(self._log, self._shadows, self._online, metrics)
        slots, candidates = Slots(), Candidates(tools)
        loader = Loader(folder, candidates, own_address(listener.getsockname()))
        self._swapper = Swapper(slots, folder, loader, metrics)
        self._watch = SupplyWatch(self._swapper.carry_out, supply_environment(settings))
        self._show(metrics)
        app = create_app(slots, tools, settings, refresh=self._watch.refresh)
        config = uvicorn.Config(
            candidates.door(app),
            http=timed_protocol(settings.serving_timeout_seconds),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        self._server = _Server(config)

    def _show(self, metrics: Metrics) -> None:
        """What Prometheus sees of the threads and the child beside the event loop."""
        log, shadows, watch = self._log, self._shadows, self._watch
        counts = {
            "retrainer_log_rows": ("Predictions on disk.", lambda: log.written),
            "retrainer_log_dropped_rows": ("Predictions for which the log had no room.", lambda: log.dropped),
            "retrainer_shadow_dropped": ("Requests that a version in the shadow did not get.", lambda: shadows.dropped),
            "retrainer_shadow_failures": ("Requests that a version in the shadow failed.", lambda: shadows.failed),
        }
        for name, (text, read) in counts.items():
            metrics.watch(name, text, read, counts=True)
        metrics.watch("retrainer_log_waiting_rows", "Predictions not on disk yet.", lambda: log.waiting, counts=False)
        metrics.watch(
            "retrainer_supply_up", "1 while the ledger is followed.", lambda: watch.pid is not None, counts=False
        )

    async def run(self) -> None:
        """Serve until a signal asks for the end; then answer what is under way, and write down what was logged."""
        serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        following = asyncio.create_task(self._follow())
        try:
            await serving
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
            self._swapper.close()
            for each in (self._shadows, self._online, self._log):
                each.close()

    async def _follow(self) -> None:
        """First what was served before, then what the supply says."""
        await self._server.listening.wait()
        log.info("listening on http://%s:%d", *self._listener.getsockname()[:2])
        supply = asyncio.create_task(self._watch.run())
        try:
            await self._swapper.restore()
            gc.collect()
            gc.freeze()  # what is there now stays: looking through it again and again would hold requests up
            await supply
        finally:
            supply.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await supply


class _Server(uvicorn.Server):
    """uvicorn, which says when it listens, and after a signal comes to its end instead of repeating the signal."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to accept connections."""
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end the server; a second SIGINT does not wait for requests under way."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def supply_environment(settings: RuntimeSettings) -> dict[str, str]:
    """The environment of the supply: these settings, threads that share the machine, none that is left by a fork."""
    return step_environment(LOAD_ENVIRONMENT | settings.child_environment())


def _new_loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


@contextlib.contextmanager
def _listening(settings: RuntimeSettings) -> Iterator[socket.socket]:
    """A socket on the address of the settings.

    Raises:
        StackError: it cannot be had.
    """
    host, port = settings.serving_host, settings.serving_port
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise StackError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    with listener:
        yield listener


def own_address(bound: Sequence[Any]) -> tuple[str, int]:
    """Where this process itself reaches a server that is `bound` there: the loopback, where it listens everywhere."""
    host, port = bound[:2]
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port  # noqa: S104 it is compared, not bound
