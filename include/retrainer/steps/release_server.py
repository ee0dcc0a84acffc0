"""Following the model server while it carries out an entry of the ledger, and then while it holds its service level."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from retrainer.config.runtime import RuntimeSettings
from retrainer.config.serving import ServiceLevel
from retrainer.contracts import Entry, ModelStatus
from retrainer.deployment import Progress, broken_level, is_wanted, progress, standing
from retrainer.deployment.server import ModelServer
from retrainer.errors import ModelServerError
from retrainer.ledger import Ledger

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.2
_WATCH_SECONDS = 1.0

_PATIENCE_SECONDS = 120.0
_ABSENCE_SECONDS = 10.0

_LATEST_SWAP = timedelta(hours=1)
"""A watch begins when the server has swapped the version in, but no later than this after the entry: a server that is
restarted weeks later swaps it in again."""

T = TypeVar("T")


class Follower:
    """The model server, followed for entries of `ledger`.

    Args:
        patience_seconds: how long it may take to fetch a version, try it out and swap it in.
        absence_seconds: how long it may be away, such as while it restarts.
    """

    def __init__(
        self,
        server: ModelServer,
        ledger: Ledger,
        *,
        patience_seconds: float = _PATIENCE_SECONDS,
        absence_seconds: float = _ABSENCE_SECONDS,
    ) -> None:
        self._server = server
        self._ledger = ledger
        self._patience = patience_seconds
        self._absence = absence_seconds

    @property
    def name(self) -> str:
        """The server in a message."""
        return self._server.name

    def carried_out(self, entry: Entry) -> Progress:
        """Tell the server to look, and wait until it has carried `entry` out, or will not, or need not any more.

        Raises:
            ModelServerError: it is away, or takes too long. The entry stands, and the server follows it by itself.
            ConfigurationError: it does not accept the key.
        """
        self._patiently(lambda: self._server.refresh(entry.model))
        deadline = time.monotonic() + self._patience
        while True:
            status = self._status(entry.model)
            seen = self._progress(entry, status)
            if seen.state != "waiting":
                return seen
            if time.monotonic() >= deadline:
                raise self._too_slow(entry, status)
            time.sleep(_LOOK_SECONDS)

    def held(self, entry: Entry, level: ServiceLevel, *, seconds: float) -> Progress:
        """Watch the version of `entry`, which is served, for that long: served, broken, or whatever else came of it.

        A watch that is over is not begun again; one last look is taken all the same.

        Raises:
            ModelServerError: it went away, or does not serve the version any more and does not say why.
        """
        seen_at = time.monotonic()
        while True:
            status = self._status(entry.model)
            seen = self._progress(entry, status)
            left = _LOOK_SECONDS
            if status is not None and seen.served is not None:
                problem = broken_level(level, seen.served, status)
                if problem:
                    return Progress("broken", seen.served, problem)
                left = _seconds_until(_end_of_watch(entry, seen.served.since, seconds))
                if left <= 0:
                    return seen
                seen_at = time.monotonic()
            elif seen.state != "waiting":
                return seen
            elif time.monotonic() - seen_at >= self._patience:
                raise self._too_slow(entry, status)
            time.sleep(min(left, _WATCH_SECONDS))

    def _progress(self, entry: Entry, status: ModelStatus | None) -> Progress:
        seen = progress(entry, status)
        if seen.state == "waiting" and not is_wanted(entry, standing(self._ledger.entries(entry.model))):
            return Progress("superseded")
        return seen

    def _status(self, model: str) -> ModelStatus | None:
        return self._patiently(lambda: self._server.status(model))

    def _patiently(self, ask: Callable[[], T]) -> T:
        deadline = time.monotonic() + self._absence
        while True:
            try:
                return ask()
            except ModelServerError as error:
                if time.monotonic() >= deadline:
                    raise
                log.info("%s; asking again", error.args[0])
            time.sleep(_LOOK_SECONDS)

    def _too_slow(self, entry: Entry, status: ModelStatus | None) -> ModelServerError:
        where = f"is at entry {status.sequence}" if status else "does not serve that model"
        what = f"entry {entry.sequence} of {entry.model}"
        return ModelServerError(
            f"{self.name} has not carried out {what} in {self._patience:g} s: it {where}",
            hint="Its log says why. The entry stands: the server follows the ledger by itself.",
        )


def model_server(settings: RuntimeSettings) -> ModelServer | None:
    """The model server that the settings name; None where there is none."""
    return ModelServer(settings.serving_uri, settings.serving_admin_key) if settings.has_server else None


def _end_of_watch(entry: Entry, swapped_in: datetime, seconds: float) -> datetime:
    begin = min(max(entry.created_at, swapped_in), entry.created_at + _LATEST_SWAP)
    return begin + timedelta(seconds=seconds)


def _seconds_until(moment: datetime) -> float:
    return (moment - datetime.now(UTC)).total_seconds()
