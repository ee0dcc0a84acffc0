"""The log of predictions in a server: `append` only remembers, a thread of its own writes twice a second."""

import logging
import threading
import time
from collections import deque
from pathlib import Path

from retrainer.predictions.batch import LoggedBatch
from retrainer.predictions.frames import frames_of, rows_of
from retrainer.predictions.segments import Limits, SegmentWriter

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 5.0
"""How long to wait with the next attempt when writing failed."""

_STOP_SECONDS = 30.0


class PredictionLog:
    """Predictions of all models of a server on their way to disk; a model's segments lie in a folder of its own name.

    What has waited for `flush_seconds` is on disk. Killed at any moment, it leaves every row that was appended before
    its last flush. It holds at most about `max_rows` rows that are not on disk: where the disk is full or too slow,
    further ones are dropped and counted, and nobody waits.
    """

    def __init__(
        self, folder: Path, *, flush_seconds: float = 0.5, max_rows: int = 100_000, limits: Limits | None = None
    ) -> None:
        self._folder = folder
        self._flush_seconds = flush_seconds
        self._max_rows = max_rows
        self._limits = limits or Limits()
        self._waiting: deque[LoggedBatch] = deque()
        self._lock = threading.Lock()  # held for a few additions only
        self._writers: dict[str, SegmentWriter] = {}
        self._stop = threading.Event()
        self._retry_at = 0.0
        self.waiting = 0
        """Rows in memory."""
        self.written = 0
        """Rows on disk so far."""
        self.dropped = 0
        """Rows lost so far: there was no room for them, or they could not be written as they were."""
        self.failing = False
        """Whether the last attempt to write failed."""
        self._thread = threading.Thread(target=self._work, name="prediction-log", daemon=True)
        self._thread.start()

    def append(self, batch: LoggedBatch) -> None:
        """Remember a batch, or drop it where there is no room. Takes about a microsecond and never waits for a disk."""
        rows = len(batch.ids)
        with self._lock:
            if self.waiting + rows > self._max_rows or self._stop.is_set():
                self.dropped += rows
            else:
                self.waiting += rows
                self._waiting.append(batch)

    def close(self) -> None:
        """Write what waits, then let go of every segment. What is appended later is dropped."""
        self._stop.set()
        self._thread.join(_STOP_SECONDS)

    def _work(self) -> None:
        while not self._stop.wait(self._flush_seconds):
            if time.monotonic() >= self._retry_at:
                self._flush()
        self._flush()
        if self.waiting:
            _LOG.error("%d predictions could not be logged before the end and are lost", self.waiting)
        for writer in self._writers.values():
            writer.close()

    def _flush(self) -> None:
        """Write what waits, model by model; what cannot be written now waits on, before what has come since."""
        with self._lock:
            taken, self._waiting = self._waiting, deque()
        models: dict[str, list[LoggedBatch]] = {}
        for batch in taken:
            models.setdefault(batch.model, []).append(batch)
        for model, batches in models.items():
            if not self._write(model, batches):
                with self._lock:
                    self._waiting.extendleft(reversed(batches))
        for writer in self._writers.values():
            writer.close_if_old()

    def _write(self, model: str, batches: list[LoggedBatch]) -> bool:
        """Write the batches of one model; False: not now."""
        rows = rows_of(batches)
        try:
            self._writer(model).write(b"".join(frames_of(batches)))
        except OSError as error:
            self._failed(error)
            return False
        except Exception:  # noqa: BLE001 a thread that died here would lose all that follows
            _LOG.exception("%d predictions of %s cannot be logged as they are", rows, model)
            self._done(dropped=rows)
            return True
        if self.failing:
            _LOG.warning("predictions are logged again; %d rows were lost so far", self.dropped)
        self.failing = False
        self._done(written=rows)
        return True

    def _writer(self, model: str) -> SegmentWriter:
        if model not in self._writers:
            self._writers[model] = SegmentWriter(self._folder / model, self._limits)
        return self._writers[model]

    def _done(self, *, written: int = 0, dropped: int = 0) -> None:
        with self._lock:
            self.waiting -= written + dropped
            self.written += written
            self.dropped += dropped

    def _failed(self, error: OSError) -> None:
        """Said once, until it goes well again: the server has other things to do than to fill its log."""
        if not self.failing:
            _LOG.error("predictions cannot be logged, rows beyond %d are dropped: %s", self._max_rows, error)
        self.failing = True
        self._retry_at = time.monotonic() + _RETRY_SECONDS
