"""What batch scoring is measured with: the example's declaration and trees, and feature tables of any size."""

import itertools
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from retrainer.config.declaration import ModelConfig
from retrainer.config.load import load_declaration
from retrainer.contracts import FeatureSet, Interval, TableRef
from retrainer.contracts.columns import INTERVAL, KNOWN_AT, LABEL, TIME
from retrainer.features import feature_columns
from retrainer.snapshots import replace_partitions
from tests.worlds import FIRST, MOMENT, PROJECT, World, small_config

AS_OF = FIRST + timedelta(days=21)
BATCH = 100_000
TEXTS = {"carrier": 16, "origin": 3, "dest": 105}
"""How many different values each text column has."""


def scoring_world(home: Path) -> World:
    """Where everything of the benchmark is."""
    example = load_declaration(PROJECT / "config" / "models" / "flight_delay.yaml")
    return World(home, small_config().model_copy(update={"estimator": example.estimator}))


def release_champion(home: Path) -> None:
    """Train a version on synthetic rows and put it in production."""
    before = Path.cwd()
    os.chdir(home)  # a local MLflow store keeps its artifacts under the working folder
    try:
        world = scoring_world(home)
        world.release(AS_OF, world.features(AS_OF, rows_a_day=400))
    finally:
        os.chdir(before)


def write_features(home: Path, rows: int) -> FeatureSet:
    """A feature table of its own, whose one partition is the interval that ends at AS_OF."""
    config = scoring_world(home).config
    interval = config.schedule.interval_before(AS_OF)
    uri = str(home / f"features-{rows}")
    batches = _batches(config, interval, rows)
    first = next(batches)
    all_batches = itertools.chain([first], batches)
    version = replace_partitions(uri, all_batches, schema=first.schema, keys=[interval.key])
    # Not pinned: its digest would sort all rows first.
    table = TableRef(table="features", uri=uri, version=version, window=interval, rows=rows, digest="")
    return FeatureSet(table=table, snapshot=(), training=interval, holdout=interval, as_of=AS_OF)


def _batches(config: ModelConfig, interval: Interval, rows: int) -> Iterator[pa.RecordBatch]:
    """Rows in order of time; 5 % of the numbers are missing."""
    start, length = np.datetime64(interval.start.replace(tzinfo=None), "us"), interval.end - interval.start
    texts = {name: pa.array([f"{name[0]}{number:03}" for number in range(count)]) for name, count in TEXTS.items()}
    for done in range(0, rows, BATCH):
        count = min(BATCH, rows - done)
        random = np.random.default_rng(done)
        at = start + ((done + np.arange(count)) / rows * np.timedelta64(length)).astype("timedelta64[us]")
        departure, arrival = pa.array(at, MOMENT), pa.array(at + np.timedelta64(3, "h"), MOMENT)
        columns = {"flight_id": pa.array(np.arange(done, done + count)), TIME: departure, KNOWN_AT: arrival}
        columns |= {"scheduled_departure": departure, "scheduled_arrival": arrival}
        for name in feature_columns(config):
            if name in texts:
                columns[name] = texts[name].take(pa.array(random.integers(0, TEXTS[name], count)))
            elif name not in columns:
                columns[name] = pa.array(random.normal(size=count).round(3), mask=random.random(count) < 0.05)
        columns |= {
            LABEL: pa.array(random.integers(0, 2, count).astype(float)),
            INTERVAL: pa.repeat(interval.key, count),
        }
        yield pa.RecordBatch.from_pydict(columns)
