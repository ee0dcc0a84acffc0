"""The version in the shadow: it gets a copy of the traffic, off the request's path, and its answers are only logged."""

import logging
import queue
import threading
import time
from dataclasses import dataclass, replace

from retrainer.predictions import LoggedBatch, PredictionLog
from retrainer.serving.predictor import Columns, Predictor

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Copy:
    predictor: Predictor
    columns: Columns
    batch: LoggedBatch


class Shadows:
    """One thread predicts what was offered, in turn. Where it cannot keep up, copies are dropped and counted."""

    def __init__(self, log: PredictionLog, max_waiting: int = 256) -> None:
        self._log = log
        self._waiting: queue.Queue[_Copy | None] = queue.Queue(max_waiting)
        self.dropped = 0
        self.failed = 0
        self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)
        self._thread.start()

    def offer(self, predictor: Predictor, columns: Columns, batch: LoggedBatch) -> None:
        """Let `predictor` answer what `batch` was answered for, under the same ids. Never waits."""
        try:
            self._waiting.put_nowait(_Copy(predictor, columns, batch))
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Finish what was offered, then end the thread."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (copy := self._waiting.get()) is not None:
            try:
                self._answer(copy)
            except Exception as error:  # noqa: BLE001 a model's own code may raise anything; nobody waits for this answer
                self.failed += 1
                if self.failed == 1:
                    spec = copy.predictor.spec
                    log.warning("%s v%d in the shadow fails: %s", spec.model, spec.version, type(error).__name__)

    def _answer(self, copy: _Copy) -> None:
        start = time.perf_counter()
        outputs = copy.predictor.predict(copy.columns)
        self._log.append(
            replace(
                copy.batch,
                version=copy.predictor.spec.version,
                source="shadow",
                outputs=outputs,
                seconds=time.perf_counter() - start,
            )
        )
