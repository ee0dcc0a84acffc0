"""Who answers: the champion or the version that shares its traffic, and the declared rule where neither can.

All counting happens here, on the event loop. Only a prediction itself may run elsewhere: one of scikit-learn, in the
version's own thread, and one of many records, so that nobody else waits for it.
"""

import asyncio
import itertools
import logging
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from retrainer.columns import Columns
from retrainer.contracts import Source
from retrainer.predictions import LoggedBatch, PredictionLog
from retrainer.serving.failures import where_it_failed
from retrainer.serving.metrics import Metrics
from retrainer.serving.predictor import Predictor
from retrainer.serving.record_columns import Mask, ParsedRecords
from retrainer.serving.shadows import Shadows
from retrainer.serving.share import entity_columns, in_split
from retrainer.serving.slot import Line, Slot

log = logging.getLogger(__name__)

MOST_INLINE = 64
"""Records that are predicted on the event loop, which takes a few hundred microseconds. More go to a thread."""

Values = NDArray[np.float64]


class Online(Protocol):
    """Values of looked-up columns and windows that a client did not send."""

    def fill(self, model: str, columns: Columns, missing: Mapping[str, Mask]) -> Columns:
        """`columns` with what is known for the marked records."""


class RequestIds:
    """An id for each request: random for this process, then counted. No id is given twice, by whatever server."""

    def __init__(self) -> None:
        self._prefix = os.urandom(8).hex()
        self._count = itertools.count()

    def take(self) -> str:
        """The next one, 24 hexadecimal digits."""
        return f"{self._prefix}{next(self._count):08x}"


@dataclass(frozen=True, slots=True)
class Tools:
    """What a server has once, for all of its models."""

    log: PredictionLog
    shadows: Shadows
    online: Online
    metrics: Metrics
    ids: RequestIds = field(default_factory=RequestIds)


class Prediction(msgspec.Struct, frozen=True):
    """The answer for one record. `version` is null where the rule answered."""

    id: str
    value: float
    version: int | None
    source: Source


class Part(msgspec.Struct, frozen=True, eq=False):
    """What one version, or the rule, said of some records in one call. `rows` are their places; None: all of them."""

    version: int | None
    source: Source
    values: Values
    seconds: float
    rows: NDArray[np.intp] | None = None


class Answer(msgspec.Struct, frozen=True, eq=False):
    """The answer to a request."""

    request_id: str
    ids: list[str]
    parts: Sequence[Part]

    def values(self) -> Values:
        """One number a record, in order."""
        if self.parts[0].rows is None:
            return self.parts[0].values
        made = np.empty(len(self.ids))
        for part in self.parts:
            made[part.rows] = part.values
        return made

    def predictions(self) -> list[Prediction]:
        """One prediction a record, in order."""
        first = self.parts[0]
        if first.rows is None:
            version, source = first.version, first.source
            values = zip(self.ids, first.values.tolist(), strict=True)
            return [Prediction(name, value, version, source) for name, value in values]
        made: dict[int, Prediction] = {}
        for part in self.parts:
            assert part.rows is not None
            for place, value in zip(part.rows.tolist(), part.values.tolist(), strict=True):
                made[place] = Prediction(self.ids[place], value, part.version, part.source)
        return [made[place] for place in range(len(self.ids))]


async def answer(slot: Slot, line: Line, parsed: ParsedRecords, tools: Tools) -> Answer:
    """Predict the records of one request, and hand them to log, metrics and shadow.

    Raises:
        Exception: the rule could not answer either.
    """
    columns = tools.online.fill(slot.model, parsed.columns, parsed.missing) if parsed.missing else parsed.columns
    asked = _Asked(slot, line, tools)
    split = None if line.answering is None or line.split is None else line.assignment.split
    if split is None:
        parts = [await asked.champion(columns, parsed.count)]
    else:
        chosen = in_split(split, parsed, entity_columns(line.parser.spec))
        parts = [
            await asked.some(columns, np.flatnonzero(which), by_split=by_split)
            for which, by_split in ((chosen, True), (~chosen, False))
            if which.any()
        ]
    request_id = tools.ids.take()
    ids = [f"{request_id}-{number}" for number in range(parsed.count)]
    made = Answer(request_id, ids, parts)
    _remember(slot, line, tools, made, {**columns, **parsed.keys})
    return made


class _Asked:
    """Asks the versions of one line for one request."""

    def __init__(self, slot: Slot, line: Line, tools: Tools) -> None:
        self._slot, self._line, self._tools = slot, line, tools

    async def champion(self, columns: Columns, count: int) -> Part:
        """By the champion; by the rule where there is none, the breaker is open, or it fails."""
        predictor, breaker = self._line.answering, self._line.breaker
        if predictor is not None and breaker.allows():
            try:
                part = await self._model(predictor, columns, count)
            except Exception as error:  # noqa: BLE001 a model's own code may raise anything
                breaker.failed()
                self._failed(predictor, error)
            else:
                breaker.succeeded(part.seconds)
                return part
        return await self._rule(columns, count)

    async def some(self, columns: Columns, rows: NDArray[np.intp], *, by_split: bool) -> Part:
        """The records at `rows`. Where the version that shares the traffic fails, the champion answers for it."""
        theirs = {name: column[rows] for name, column in columns.items()}
        part = await self._split(theirs, len(rows)) if by_split else None
        part = part or await self.champion(theirs, len(rows))
        return msgspec.structs.replace(part, rows=rows)

    async def _split(self, columns: Columns, count: int) -> Part | None:
        predictor = self._line.split
        assert predictor is not None
        try:
            return await self._model(predictor, columns, count)
        except Exception as error:  # noqa: BLE001 as above
            self._failed(predictor, error)
            return None

    async def _model(self, predictor: Predictor, columns: Columns, count: int) -> Part:
        start = time.perf_counter()
        values = await _ask(predictor, columns, count, timeout=self._line.serving.breaker.timeout_ms / 1000)
        return Part(predictor.spec.version, "model", values, time.perf_counter() - start)

    async def _rule(self, columns: Columns, count: int) -> Part:
        start = time.perf_counter()
        values = await _ask(self._line.fallback, columns, count, timeout=None)
        return Part(None, "fallback", values, time.perf_counter() - start)

    def _failed(self, predictor: Predictor, error: Exception) -> None:
        version = predictor.spec.version
        self._tools.metrics.failed(self._slot.model, version)
        stats = self._slot.stats.get(version)
        if stats is None:
            return
        stats.failed()
        if str(stats.errors).rstrip("0") == "1":  # the 1st, 10th, 100th: a broken version does not fill the disk
            log.warning("%s v%d failed %d times: %s", self._slot.model, version, stats.errors, where_it_failed(error))


class _Predicts(Protocol):
    def predict(self, columns: Columns) -> Values: ...


async def _ask(predictor: _Predicts, columns: Columns, count: int, *, timeout: float | None) -> Values:
    """One number a record, in a thread where it takes long.

    Raises:
        TimeoutError: it took longer than `timeout` seconds in its thread.
    """
    submit = getattr(predictor, "submit", None)
    if submit is not None:
        submitted: Future[Values] = submit(columns)
        waiting = asyncio.wrap_future(submitted)
    elif count > MOST_INLINE:
        waiting = asyncio.get_running_loop().run_in_executor(None, predictor.predict, columns)
    else:
        return predictor.predict(columns)
    async with asyncio.timeout(timeout):
        return await waiting


def _remember(slot: Slot, line: Line, tools: Tools, made: Answer, table: Columns) -> None:
    """Count the answer, log it with the inputs and keys in `table`, and hand both to the version in the shadow."""
    for part in made.parts:
        rows = part.rows
        tools.metrics.answered(slot.model, part.version, part.source, seconds=part.seconds, records=len(part.values))
        stats = slot.stats.get(part.version) if part.version is not None else None
        if stats is not None:
            stats.answered(part.seconds)
        if not line.serving.log_predictions:
            continue
        batch = LoggedBatch(
            at=time.time(),
            model=slot.model,
            version=part.version,
            source=part.source,
            ids=made.ids if rows is None else [made.ids[place] for place in rows],
            columns=table if rows is None else {name: column[rows] for name, column in table.items()},
            outputs=part.values,
            seconds=part.seconds,
        )
        tools.log.append(batch)
        if line.shadow is not None:
            tools.shadows.offer(line.shadow, batch.columns, batch)
