"""The answer to one request: who is asked for which record, and what is kept of it."""

import time
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np

from retrainer.contracts import Source
from retrainer.predictions import LoggedBatch
from retrainer.serving.ask import Part, Versions
from retrainer.serving.record_columns import ParsedRecords
from retrainer.serving.share import entity_columns, in_split
from retrainer.serving.slot import Line, Slot
from retrainer.serving.together import Values
from retrainer.serving.tools import Tools

__all__ = ["Answer", "Prediction", "Tools", "answer"]


class Prediction(msgspec.Struct, frozen=True):
    """The answer for one record. `version` is null where the rule answered."""

    id: str
    value: float
    version: int | None
    source: Source


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
            answered = zip(self.ids, first.values.tolist(), strict=True)
            return [Prediction(name, value, version, source) for name, value in answered]
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
    versions = Versions(slot, line, tools)
    split = None if line.answering is None or line.split is None else line.assignment.split
    if split is None:
        parts = [await versions.champion(parsed)]
    else:
        parts = await _shared(versions, line, parsed)
    request_id = tools.ids.take()
    made = Answer(request_id, [f"{request_id}-{number}" for number in range(parsed.count)], parts)
    _count(slot, made, tools)
    if line.serving.log_predictions:
        _keep(versions, made, tools)
    return made


async def _shared(versions: Versions, line: Line, parsed: ParsedRecords) -> list[Part]:
    """The parts of a request whose records two versions share."""
    split, second = line.assignment.split, line.split
    assert split is not None
    assert second is not None
    chosen = in_split(split, parsed, entity_columns(line.parser.spec))
    parts = []
    for rows, by_second in ((np.flatnonzero(chosen), True), (np.flatnonzero(~chosen), False)):
        if len(rows):
            records = parsed if len(rows) == parsed.count else parsed.some(rows)
            part = await (versions.split(second, records) if by_second else versions.champion(records))
            parts.append(part if records is parsed else msgspec.structs.replace(part, rows=rows))
    return parts


def _count(slot: Slot, made: Answer, tools: Tools) -> None:
    for part in made.parts:
        tools.metrics.answered(slot.model, part.version, part.source, seconds=part.seconds, records=len(part.values))
        stats = slot.stats.get(part.version) if part.version is not None else None
        if stats is not None:
            stats.answered(part.seconds)


def _keep(versions: Versions, made: Answer, tools: Tools) -> None:
    """Log what was answered, and have the version in the shadow asked the same."""
    shadow = versions.line.shadow
    for part in made.parts:
        batch = LoggedBatch(
            at=time.time(),
            model=versions.slot.model,
            version=part.version,
            source=part.source,
            ids=made.ids if part.rows is None else [made.ids[place] for place in part.rows],
            columns={**part.columns, **part.records.keys},
            outputs=part.values,
            seconds=part.seconds,
        )
        tools.log.append(batch)
        if shadow is not None:
            columns = versions.known(part.records, shadow.spec)
            tools.shadows.offer(shadow, columns, replace(batch, columns={**columns, **part.records.keys}))
