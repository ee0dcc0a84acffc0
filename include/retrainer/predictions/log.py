"""The log of predictions in a server: `append` only remembers, a thread of its own writes twice a second."""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from retrainer.predictions.batch import LoggedBatch
from retrainer.predictions.frames import frames_of, rows_of
from retrainer.predictions.segments import Limits, SegmentWriter

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 5.0
"""How long to wait with the next attempt when writing failed."""

_STOP_SECONDS = 30.0


@dataclass(slots=True)
class _Queue:
    """What waits of one model. Where its folder takes nothing, no other model waits or loses rows for that."""

    batches: deque[LoggedBatch] = field(default_factory=deque)
    rows: int = 0
    dropped: int = 0
    failing: bool = False
    retry_at: float = 0.0


class PredictionLog:
    """Predictions of all models of a server on their way to disk; a model's segments lie in a folder of its own name.

    What has waited for `flush_seconds` is on disk. Killed at any moment, it leaves every row that was appended before
    its last flush. It holds at most about `max_rows` rows of each model that are not on disk: where the disk is full or
    too slow, or nobody collects what is there, further ones are dropped and counted, and nobody waits.
    """

    def __init__(
        self, folder: Path, *, flush_seconds: float = 0.5, max_rows: int = 100_000, limits: Limits | None = None
    ) -> None:
        self._folder = folder
        self._flush_seconds = flush_seconds
        self._max_rows = max_rows
        self._limits = limits or Limits()
        self._queues: dict[str, _Queue] = {}
        self._lock = threading.Lock()  # held for a few additions only
        self._writers: dict[str, SegmentWriter] = {}
        self._stop = threading.Event()
        self.waiting = 0
        """Rows in memory."""
        self.written = 0
        """Rows on disk so far."""
        self.dropped = 0
        """Rows lost so far: there was no room for them, or they could not be written as they were."""
        self._thread = threading.Thread(target=self._work, name="prediction-log", daemon=True)
        self._thread.start()

    @property
    def failing(self) -> bool:
        """Whether the last attempt to write failed, of any model."""
        return any(queue.failing for queue in self._all().values())

    def append(self, batch: LoggedBatch) -> None:
        """Remember a batch, or drop it where there is no room. Takes about a microsecond and never waits for a disk."""
        rows = len(batch.ids)
        with self._lock:
            queue = self._queues.get(batch.model)
            if queue is None:
                queue = self._queues[batch.model] = _Queue()
            if queue.rows + rows > self._max_rows or self._stop.is_set():
                self.dropped += rows
                queue.dropped += rows
            else:
                self.waiting += rows
                queue.rows += rows
                queue.batches.append(batch)

    def close(self) -> None:
        """Write what waits, then let go of every segment. What is appended later is dropped."""
        self._stop.set()
        self._thread.join(_STOP_SECONDS)

    def _work(self) -> None:
        while not self._stop.wait(self._flush_seconds):
            self._flush(time.monotonic())
        self._flush(math.inf)
        if self.waiting:
            _LOG.error("%d predictions could not be logged before the end and are lost", self.waiting)
        for writer in self._writers.values():
            writer.close()

    def _all(self) -> dict[str, _Queue]:
        with self._lock:
            return dict(self._queues)

    def _flush(self, now: float) -> None:
        """Write what waits of the models whose turn it is at `now`; what cannot be written now waits on, before what
        has come since."""
        for model, queue in self._all().items():
            if now < queue.retry_at:
                continue
            with self._lock:
                taken, queue.batches = queue.batches, deque()
            if taken and not self._write(model, queue, taken):
                with self._lock:
                    queue.batches.extendleft(reversed(taken))
        for writer in self._writers.values():
            writer.close_if_old()

    def _write(self, model: str, queue: _Queue, batches: Sequence[LoggedBatch]) -> bool:
        """Write the batches of one model; False: not now."""
        rows = rows_of(batches)
        try:
            self._writer(model).write(b"".join(frames_of(batches)))
        except OSError as error:
            self._failed(model, queue, error)
            return False
        except Exception:  # noqa: BLE001 a thread that died here would lose all that follows
            _LOG.exception("%d predictions of %s cannot be logged as they are", rows, model)
            self._done(queue, dropped=rows)
            return True
        if queue.failing:
            _LOG.warning("predictions of %s are logged again; %d rows were lost so far", model, queue.dropped)
        queue.failing = False
        self._done(queue, written=rows)
        return True

    def _writer(self, model: str) -> SegmentWriter:
        if model not in self._writers:
            self._writers[model] = SegmentWriter(self._folder / model, self._limits)
        return self._writers[model]

    def _done(self, queue: _Queue, *, written: int = 0, dropped: int = 0) -> None:
        with self._lock:
            queue.rows -= written + dropped
            queue.dropped += dropped
            self.waiting -= written + dropped
            self.written += written
            self.dropped += dropped

    def _failed(self, model: str, queue: _Queue, error: OSError) -> None:
        """Said once, until it goes well again: the server has other things to do than to fill its log."""
        if not queue.failing:
            _LOG.error(
                "predictions of %s cannot be logged, rows beyond %d are dropped: %s", model, self._max_rows, error
            )
        queue.failing = True
        queue.retry_at = time.monotonic() + _RETRY_SECONDS
