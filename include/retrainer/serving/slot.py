"""The place of one model in the server: the line that answers for it now, and what happened to others."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from retrainer.columns import Columns
from retrainer.config.serving import Serving
from retrainer.contracts import Assignment, ModelStatus, Refusal, ServedVersion
from retrainer.serving.metrics import VersionStats
from retrainer.serving.predictor import Predictor

if TYPE_CHECKING:
    from retrainer.serving.breaker import Breaker
    from retrainer.serving.records import RecordParser


class Fallback(Protocol):
    """What answers where no version does: the declared rule."""

    def predict(self, columns: Columns) -> NDArray[np.float64]:
        """One number (float64) a record."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """All that answers for a model: one value, taken once by each request, so that no answer mixes two versions.

    `assignment` is what is carried out: it names no version that was refused. `champion` is None while there is
    none, and is there without answering while the assignment says `off`.
    """

    assignment: Assignment
    champion: Predictor | None
    split: Predictor | None
    shadow: Predictor | None
    parser: "RecordParser"
    fallback: Fallback
    breaker: "Breaker"
    serving: Serving
    """The section of the declaration that the champion was trained from."""

    @property
    def answering(self) -> Predictor | None:
        """The champion, unless the model is switched off."""
        return None if self.assignment.off else self.champion

    def predictors(self) -> Iterator[Predictor]:
        """Every version that is in memory for this line."""
        yield from (each for each in (self.champion, self.split, self.shadow) if each is not None)


class Slot:
    """One model. `line` is exchanged by one assignment; whoever took the old one finishes on it."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.line: Line | None = None
        self.sequence = 0
        """The entry of the ledger that was carried out, or refused."""
        self.refused: tuple[Refusal, ...] = ()
        """What that entry asked for and was not done."""
        self.previous: int | None = None
        """The champion before the one that answers now."""
        self.stats: dict[int, VersionStats] = {}
        """By version, of those in `line`."""
        self.since: dict[int, datetime] = {}
        """When each of them was swapped in."""

    @property
    def ready(self) -> bool:
        """Whether somebody answers, the model or the rule."""
        return self.line is not None

    def status(self) -> ModelStatus:
        """What the server says of the model."""
        line = self.line
        if line is None:
            return ModelStatus(model=self.model, sequence=self.sequence, ready=False, refused=self.refused)
        assignment = line.assignment
        return ModelStatus(
            model=self.model,
            sequence=self.sequence,
            ready=True,
            champion=self._served(line.answering),
            previous=self.previous,
            split=assignment.split,
            split_version=self._served(line.split),
            shadow=self._served(line.shadow),
            off=assignment.off,
            breaker=line.breaker.state,
            refused=self.refused,
            since=assignment.since,
            reason=assignment.reason,
            report_url=assignment.report_url,
        )

    def _served(self, predictor: Predictor | None) -> ServedVersion | None:
        if predictor is None:
            return None
        spec = predictor.spec
        stats = self.stats.get(spec.version) or VersionStats()
        p50, p95, p99 = stats.percentiles_ms() or (None, None, None)
        return ServedVersion(
            version=spec.version,
            runtime=spec.runtime,
            runtime_note=spec.runtime_note,
            since=self.since[spec.version],
            requests=stats.requests,
            errors=stats.errors,
            p50_ms=p50,
            p95_ms=p95,
            p99_ms=p99,
        )


class Slots:
    """The slots of all models, by name."""

    def __init__(self) -> None:
        self._slots: dict[str, Slot] = {}
        self.restored = False
        """Whether what was served before the start of this process has been taken up again."""

    def __iter__(self) -> Iterator[Slot]:
        return iter([self._slots[model] for model in sorted(self._slots)])

    def __len__(self) -> int:
        return len(self._slots)

    def get(self, model: str) -> Slot | None:
        """The slot of a model; None where it is not served here."""
        return self._slots.get(model)

    def ensure(self, model: str) -> Slot:
        """The slot of a model, made where there is none."""
        return self._slots.setdefault(model, Slot(model))

    def put(self, name: str, slot: Slot) -> None:
        """Have `slot` under `name`."""
        self._slots[name] = slot

    def drop(self, name: str) -> None:
        """Have none under `name`."""
        self._slots.pop(name, None)

    @property
    def ready(self) -> bool:
        """Whether the server takes requests: at least one model answers its canonical inputs."""
        return self.restored and any(slot.ready for slot in self)
