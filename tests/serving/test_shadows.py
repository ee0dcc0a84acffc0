"""The version in the shadow answers beside the one in production, and nobody waits for it."""

import threading
import time
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from retrainer.columns import Columns
from retrainer.contracts import ServingSpec
from retrainer.predictions import LoggedBatch
from retrainer.serving.shadows import Shadows
from tests.serving.flights import make_spec

COLUMNS = {"distance": np.array([100.0, 200.0])}
BATCH = LoggedBatch(
    at=1.0,
    model="flight_delay",
    version=1,
    source="model",
    ids=("a-0", "a-1"),
    columns=COLUMNS,
    outputs=np.array([0.1, 0.2]),
    seconds=0.001,
)


@dataclass
class Kept:
    """Stands in for the log of predictions."""

    batches: list[LoggedBatch] = field(default_factory=list)

    def append(self, batch: LoggedBatch) -> None:
        self.batches.append(batch)


@dataclass
class Predictor:
    """Answers once it may."""

    spec: ServingSpec = field(default_factory=lambda: make_spec(version=2))
    may: threading.Event = field(default_factory=threading.Event)
    fails: bool = False

    def predict(self, columns: Columns) -> NDArray[np.float64]:
        self.may.wait(10)
        if self.fails:
            raise ZeroDivisionError
        return columns["distance"] / 1000


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def predictor() -> Predictor:
    return Predictor()


def test_its_answers_are_logged_under_the_ids_of_the_answers_that_were_given(kept, predictor):
    predictor.may.set()
    shadows = Shadows(kept)
    shadows.offer(predictor, COLUMNS, BATCH)
    shadows.close()

    (batch,) = kept.batches
    assert (batch.source, batch.version, batch.ids, batch.at) == ("shadow", 2, BATCH.ids, BATCH.at)
    assert batch.outputs.tolist() == [0.1, 0.2]
    assert batch.seconds > 0


def test_offering_never_waits_and_what_is_too_much_is_dropped_and_counted(kept, predictor):
    shadows = Shadows(kept, max_waiting=3)
    start = time.perf_counter()
    for _ in range(100):
        shadows.offer(predictor, COLUMNS, BATCH)
    waited = time.perf_counter() - start
    dropped = shadows.dropped
    predictor.may.set()
    shadows.close()

    assert waited < 1
    assert dropped >= 96
    assert len(kept.batches) == 100 - dropped


def test_one_that_fails_is_counted_and_does_not_end_the_thread(kept, predictor):
    predictor.may.set()
    predictor.fails = True
    shadows = Shadows(kept)
    shadows.offer(predictor, COLUMNS, BATCH)
    healthy = Predictor()
    healthy.may.set()
    shadows.offer(healthy, COLUMNS, BATCH)
    shadows.close()

    assert shadows.failed == 1
    assert len(kept.batches) == 1
