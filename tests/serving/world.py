"""The application of the model server in this process, with predictors that a test makes up."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI
from fastapi.testclient import TestClient
from numpy.typing import NDArray

from retrainer.columns import Columns
from retrainer.config.load import load_declaration
from retrainer.config.runtime import load_settings
from retrainer.config.serving import Breaker as BreakerSettings
from retrainer.config.serving import Serving
from retrainer.contracts import Assignment, ServingSpec, Split
from retrainer.predictions import LoggedBatch
from retrainer.serving.answer import Tools
from retrainer.serving.app import create_app
from retrainer.serving.breaker import Breaker
from retrainer.serving.fallback import Fallback
from retrainer.serving.metrics import Metrics, VersionStats
from retrainer.serving.predictor import Predictor
from retrainer.serving.records import RecordParser
from retrainer.serving.slot import Line, Slot, Slots
from tests.serving.flights import make_spec
from tests.worlds import PROJECT

SINCE = datetime(2013, 6, 3, 4, tzinfo=UTC)

Answers = Callable[[Columns], NDArray[np.float64]]


class Logged:
    """Keeps what a prediction log would write."""

    def __init__(self) -> None:
        self.batches: list[LoggedBatch] = []

    def append(self, batch: LoggedBatch) -> None:
        self.batches.append(batch)


class Offered:
    """Keeps what a version in the shadow would be asked."""

    def __init__(self) -> None:
        self.copies: list[tuple[Predictor, Columns, LoggedBatch]] = []

    def offer(self, predictor: Predictor, columns: Columns, batch: LoggedBatch) -> None:
        self.copies.append((predictor, columns, batch))


@dataclass
class Known:
    """Online tables that know one value a column."""

    values: dict[str, float] = field(default_factory=dict)
    asked: list[tuple[Columns, Mapping[str, str] | None]] = field(default_factory=list)
    """Keys and definitions of each question."""

    def fill(
        self,
        model: str,
        columns: Columns,
        missing: Mapping[str, NDArray[np.bool_]],
        *,
        keys: Columns,
        definitions: Mapping[str, str] | None,
    ) -> Columns:
        self.asked.append((keys, definitions))
        filled = dict(columns)
        for name, which in missing.items():
            if name in self.values:
                filled[name] = np.where(which, self.values[name], columns[name])
        return filled


@dataclass(eq=False)
class Made:
    """A predictor that answers as a test says; by default distance / 10,000."""

    spec: ServingSpec
    answers: Answers = lambda columns: np.asarray(columns["distance"] / 10_000, dtype=np.float64)

    def predict(self, columns: Columns) -> NDArray[np.float64]:
        return self.answers(columns)


def flight_spec(version: int = 1, *, model: str = "flight_delay", **serving: Any) -> ServingSpec:
    """The example's model as it is declared; `serving` are keys of that section."""
    config = load_declaration(PROJECT / "config" / "models" / "flight_delay.yaml")
    declared = config.model_copy(update={"serving": Serving.model_validate(serving)}).model_dump(mode="json")
    return make_spec(model=model, version=version).model_copy(update={"declaration": declared})


@dataclass
class Api:
    """A server's application and what is behind it."""

    home: Path
    slots: Slots = field(default_factory=Slots)
    log: Logged = field(default_factory=Logged)
    shadows: Offered = field(default_factory=Offered)
    online: Known = field(default_factory=Known)
    metrics: Metrics = field(default_factory=Metrics)
    refreshed: list[str] = field(default_factory=list)

    def app(self, **settings: str) -> FastAPI:
        environ = {"RETRAINER_HOME": str(self.home)} | {
            f"RETRAINER_{key.upper()}": text for key, text in settings.items()
        }
        tools: Any = Tools(self.log, self.shadows, self.online, self.metrics)  # type: ignore[arg-type]
        return create_app(self.slots, tools, load_settings(environ, PROJECT), refresh=self.refreshed.append)

    @contextmanager
    def client(self, **settings: str) -> Iterator[TestClient]:
        with TestClient(self.app(**settings), raise_server_exceptions=True) as client:
            yield client

    def serve(
        self,
        champion: Predictor | None,
        *,
        split: tuple[Predictor, int] | None = None,
        shadow: Predictor | None = None,
        spec: ServingSpec | None = None,
        off: bool = False,
    ) -> Slot:
        """Swap a line in. `spec` is needed where there is no champion."""
        spec = spec or (champion.spec if champion else flight_spec())
        serving = Serving.model_validate(spec.declaration["serving"])
        slot = self.slots.ensure(spec.model)
        share = Split(version=split[0].spec.version, percent=split[1]) if split else None
        line = Line(
            assignment=Assignment(
                model=spec.model,
                sequence=slot.sequence + 1,
                champion=champion.spec.version if champion else None,
                since=SINCE,
                reason="better",
                report_url="http://mlflow/report",
                split=share,
                off=off,
            ),
            champion=champion,
            split=split[0] if split else None,
            shadow=shadow,
            parser=RecordParser(spec),
            fallback=Fallback(None, spec),
            breaker=Breaker(serving.breaker),
            serving=serving,
        )
        slot.sequence += 1
        slot.stats = {each.spec.version: VersionStats() for each in line.predictors()}
        slot.since = dict.fromkeys(slot.stats, SINCE)
        slot.line = line
        self.slots.restored = True
        return slot


def failing(columns: Columns) -> NDArray[np.float64]:
    """Answers nothing, with an error that quotes a record."""
    raise ValueError(f"no answer for {columns['carrier'][0]}")


QUICK_TO_OPEN = BreakerSettings(min_requests=2, open_seconds=3600)
