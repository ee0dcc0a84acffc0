"""Asking the versions of a line: what each says, and who stands in where one cannot.

All counting happens here, on the event loop. Only a prediction itself may run elsewhere: one of scikit-learn, in the
version's own thread, and one of many records, so that nobody else waits for it.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future

import msgspec
import numpy as np
from numpy.typing import NDArray

from retrainer.columns import Columns
from retrainer.contracts import ServingSpec, Source
from retrainer.serving.failures import where_it_failed
from retrainer.serving.predictor import Predictor
from retrainer.serving.record_columns import ParsedRecords, with_keys
from retrainer.serving.slot import Line, Slot
from retrainer.serving.together import Values
from retrainer.serving.tools import Tools

log = logging.getLogger(__name__)

MOST_INLINE = 64
"""Records that are predicted on the event loop, which takes a few hundred microseconds. More go to a thread."""


class Part(msgspec.Struct, frozen=True, eq=False):
    """What one version (None: the rule) said of some records in one call, and the columns that it was asked with.

    `rows` are the places of the records in the request; None: these are all of them.
    """

    version: int | None
    source: Source
    values: Values
    seconds: float
    columns: Columns
    records: ParsedRecords
    rows: NDArray[np.intp] | None = None


class Versions:
    """The versions of one line, which a request has taken."""

    def __init__(self, slot: Slot, line: Line, tools: Tools) -> None:
        self.slot, self.line, self._tools = slot, line, tools

    async def champion(self, records: ParsedRecords) -> Part:
        """By the champion; by the rule where there is none, the breaker is open, or it fails.

        Raises:
            Exception: the rule could not answer either.
        """
        columns = self.known(records, self.line.parser.spec)
        predictor, breaker = self.line.answering, self.line.breaker
        if predictor is not None and breaker.allows():
            try:
                part = await self._model(predictor, columns, records)
            except Exception as error:  # noqa: BLE001 a model's own code may raise anything
                breaker.failed()
                self._failed(predictor, error)
            else:
                breaker.succeeded(part.seconds)
                return part
        start = time.perf_counter()
        values = self.line.fallback.predict(columns)
        return Part(None, "fallback", values, time.perf_counter() - start, columns, records)

    async def split(self, predictor: Predictor, records: ParsedRecords) -> Part:
        """By the version that shares the traffic; by the champion where it fails.

        Raises:
            Exception: nobody could answer.
        """
        try:
            return await self._model(predictor, self.known(records, predictor.spec), records)
        except Exception as error:  # noqa: BLE001 as above
            self._failed(predictor, error)
        return await self.champion(records)

    def known(self, records: ParsedRecords, spec: ServingSpec) -> Columns:
        """The columns of `records` with what is known now of what was not sent, as the version of `spec` defines it.

        What is only a key to the champion is a column for a version on trial that reads it.
        """
        columns = records.columns
        if spec is not self.line.parser.spec:
            columns = with_keys(columns, records.keys, spec.fields)
        if not records.missing:
            return columns
        tools = self._tools
        return tools.online.fill(
            self.slot.model,
            columns,
            records.missing,
            keys=records.keys,
            definitions=tools.definitions.of(spec),
        )

    async def _model(self, predictor: Predictor, columns: Columns, records: ParsedRecords) -> Part:
        start = time.perf_counter()
        if records.count <= MOST_INLINE and not hasattr(predictor, "submit"):
            values = await self._tools.together.ask(predictor, columns)
        else:
            async with asyncio.timeout(self.line.serving.breaker.timeout_ms / 1000):
                values = await self._elsewhere(predictor, columns)
        return Part(predictor.spec.version, "model", values, time.perf_counter() - start, columns, records)

    def _elsewhere(self, predictor: Predictor, columns: Columns) -> asyncio.Future[Values]:
        """A prediction that takes so long that it is made in a thread."""
        submit: Callable[[Columns], Future[Values]] | None = getattr(predictor, "submit", None)
        if submit is not None:
            return asyncio.wrap_future(submit(columns))
        return asyncio.get_running_loop().run_in_executor(self._tools.threads, predictor.predict, columns)

    def _failed(self, predictor: Predictor, error: Exception) -> None:
        version = predictor.spec.version
        self._tools.metrics.failed(self.slot.model, version)
        stats = self.slot.stats.get(version)
        if stats is None:
            return
        stats.failed()
        if str(stats.errors).rstrip("0") == "1":  # the 1st, 10th, 100th: a broken version does not fill the disk
            log.warning("%s v%d failed %d times: %s", self.slot.model, version, stats.errors, where_it_failed(error))
