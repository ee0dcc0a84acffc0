"""A fitted pipeline of the example's model, and an MLflow store in a temporary folder."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retrainer.config.load import load_declaration
from retrainer.contracts import Interval
from retrainer.features import feature_columns
from retrainer.registry import connect
from retrainer.saved import ModelFacts
from retrainer.training import Examples, fit
from tests.mlflow_store import new_store

PROJECT = Path(__file__).parents[3]
MODELS = PROJECT / "include" / "models"


@pytest.fixture(scope="session")
def config():
    return load_declaration(PROJECT / "config" / "models" / "flight_delay.yaml")


@pytest.fixture(scope="session")
def examples(config) -> Examples:
    generator = np.random.default_rng(0)
    rows = 400
    departure = pd.to_datetime("2013-06-03T09:00:00Z") + pd.to_timedelta(generator.integers(0, 900, rows), unit="m")
    frame = pd.DataFrame({"scheduled_departure": departure, "scheduled_arrival": departure + pd.Timedelta(hours=3)})
    for column in feature_columns(config)[2:]:
        frame[column] = generator.normal(size=rows)
    for column in ("carrier", "origin", "dest"):
        frame[column] = generator.choice(["A", "B", "C"], rows)
    label = (frame["weather__temp"] + generator.normal(size=rows) > 0).to_numpy(dtype=float)
    return Examples(frame, label, np.array(["2013-06-03T04:00:00Z"] * rows, dtype=object))


@pytest.fixture(scope="session")
def pipeline(config, examples):
    return fit(config, examples, parameters={"max_iter": 5})


@pytest.fixture(scope="session")
def facts(config) -> ModelFacts:
    training = Interval(start=datetime(2013, 4, 4, 4, tzinfo=UTC), end=datetime(2013, 6, 3, 4, tzinfo=UTC))
    return ModelFacts(
        model=config.name,
        feature_module=config.features.module,
        columns=feature_columns(config),
        training=training,
        identity="a" * 64,
    )


@pytest.fixture
def tracking(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a local MLflow store keeps its artifacts under the working folder
    return connect(new_store(tmp_path / "mlflow.sqlite"), timeout_seconds=5, retries=0)
