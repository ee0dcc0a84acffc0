"""A small world for the model steps: synthetic features in a Delta table, an MLflow store and a ledger in a folder."""

import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from retrainer.config.declaration import ModelConfig
from retrainer.config.load import load_declaration
from retrainer.config.runtime import RuntimeSettings, load_settings
from retrainer.contracts import FeatureSet, StepName, StepRequest
from retrainer.contracts.columns import INTERVAL, KNOWN_AT, LABEL, TIME
from retrainer.features import feature_columns
from retrainer.ledger import Ledger
from retrainer.registry import CHAMPION, PREVIOUS, Versions
from retrainer.snapshots import DataPlace, pin, replace_partitions
from retrainer.steps.build_features import windows
from retrainer.steps.catalog import load_step
from retrainer.steps.tracking import connect_tracking
from tests.mlflow_store import new_store

PROJECT = Path(__file__).parents[1]
MOMENT = pa.timestamp("us", tz="UTC")
FIRST = datetime(2013, 4, 1, 4, tzinfo=UTC)

_GATES = {
    "min_gain_over_baseline": 0.0,
    "slices": (),
    "canonical": (),
    "max_calibration_error": 0.5,
    "max_latency_p95_ms": 10_000.0,
}
"""Nothing that holds for real flights or on a quiet machine only."""


def small_config(**windows_changes: int) -> ModelConfig:
    """The example's declaration, with windows and trees that take a second to learn from."""
    config = load_declaration(PROJECT / "config" / "models" / "flight_delay.yaml")
    sizes = {"training_days": 10, "holdout_days": 7, "min_training_rows": 100, "min_holdout_rows": 50}
    return config.model_copy(
        update={
            "windows": config.windows.model_copy(update=sizes | windows_changes),
            "estimator": config.estimator.model_copy(
                update={"parameters": {"max_iter": 20, "min_samples_leaf": 5, "early_stopping": False}}
            ),
            "evaluation": config.evaluation.model_copy(update={"resamples": 300, "confidence": 0.9}),
            "gates": config.gates.model_copy(update=_GATES),
        }
    )


@dataclass(frozen=True)
class World:
    """Where everything of one test is."""

    home: Path
    config: ModelConfig
    serving_uri: str = "none"
    """Address of the model server; none unless a test has started one."""

    def __post_init__(self) -> None:
        new_store(self._mlflow)

    @property
    def _mlflow(self) -> Path:
        return self.home / "mlflow.sqlite"

    @property
    def environ(self) -> dict[str, str]:
        return {
            "RETRAINER_HOME": str(self.home),
            "RETRAINER_MLFLOW_URI": f"sqlite:///{self._mlflow}",
            "RETRAINER_MLFLOW_RETRIES": "0",
            "RETRAINER_MLFLOW_TIMEOUT_SECONDS": "5",
            "RETRAINER_SERVING_URI": self.serving_uri,
        }

    @property
    def settings(self) -> RuntimeSettings:
        return load_settings(self.environ, PROJECT)

    @property
    def ledger(self) -> Ledger:
        return Ledger.open(self.settings.ledger_url)

    @property
    def versions(self) -> Versions:
        return Versions(connect_tracking(self.settings), self.config.name)

    def features(
        self, as_of: datetime, *, rows_a_day: int = 60, signal: float = 2.0, seed: int = 0, label: float | None = None
    ) -> FeatureSet:
        """Feature rows of every day before `as_of`; the label follows weather__temp as strongly as `signal` says,
        or is always `label`."""
        request = self.request("build_features", as_of, {})
        training, holdout = windows(self.config, request)
        uri = DataPlace(self.settings.data_uri, self.config.name).features()
        table = feature_table(self.config, training.start, as_of, rows_a_day=rows_a_day, signal=signal, seed=seed)
        if label is not None:
            position = table.schema.get_field_index(LABEL)
            table = table.set_column(position, LABEL, pa.array([label] * len(table)))
        keys = sorted(set(table.column(INTERVAL).to_pylist()))
        replace_partitions(uri, table.to_batches(), schema=table.schema, keys=keys)
        window = training.model_copy(update={"end": holdout.end})
        ref = pin(uri, table="features", window=window)
        return FeatureSet(table=ref, snapshot=(), training=training, holdout=holdout, as_of=as_of)

    def request(self, step: StepName, as_of: datetime, inputs: dict[str, Any], *, run_id: str = "test") -> StepRequest:
        return StepRequest(
            step=step,
            model=self.config.name,
            config=self.config.model_dump(mode="json"),
            inputs={name: value.model_dump(mode="json") for name, value in inputs.items()},
            interval=self.config.schedule.interval_before(as_of),
            as_of=as_of,
            seed=self.config.seed,
            run_id=run_id,
        )

    def run(self, step: StepName, as_of: datetime, inputs: dict[str, Any]) -> Any:
        """Run a step here and now; its result."""
        return load_step(step)(self.request(step, as_of, inputs), self.settings)

    def release(self, as_of: datetime, features: FeatureSet) -> dict[str, Any]:
        """train, compare, register and deploy; their results by step."""
        results: dict[str, Any] = {"build_features": features}
        steps: tuple[StepName, ...] = ("train", "compare", "register", "deploy")
        for step in steps:
            results[step] = self.run(step, as_of, results)
        return results

    def state(self) -> dict[str, Any]:
        """What must be the same however a run got there: versions, aliases, ledger."""
        tracking = connect_tracking(self.settings)
        versions = tracking.client.search_model_versions(f"name = '{self.config.name}'")
        return {
            "versions": sorted((int(item.version), item.tags["retrainer.identity"]) for item in versions),
            "champion": self.versions.alias(CHAMPION),
            "previous": self.versions.alias(PREVIOUS),
            "ledger": [
                (entry.sequence, entry.action, entry.version, entry.champion_version, entry.reason)
                for entry in self.ledger.entries(self.config.name)
            ],
        }


def feature_table(
    config: ModelConfig, start: datetime, end: datetime, *, rows_a_day: int, signal: float, seed: int
) -> pa.Table:
    """Synthetic rows of the feature table; a day's rows depend on the day and the seed alone."""
    parts = []
    for interval in config.schedule.intervals(start, end):
        generator = np.random.default_rng([seed, int(interval.start.timestamp())])
        departures = [
            interval.start + timedelta(minutes=int(m)) for m in np.sort(generator.integers(300, 1200, rows_a_day))
        ]
        numbers = {name: generator.normal(size=rows_a_day) for name in feature_columns(config)}
        chance = 1 / (1 + np.exp(-signal * numbers["weather__temp"]))
        columns: dict[str, Any] = {"flight_id": generator.integers(0, 10**9, rows_a_day)} | numbers
        columns |= {name: generator.choice(["A", "B", "C"], rows_a_day) for name in ("carrier", "origin", "dest")}
        columns |= {
            "scheduled_departure": pa.array(departures, MOMENT),
            "scheduled_arrival": pa.array([at + timedelta(hours=3) for at in departures], MOMENT),
            TIME: pa.array(departures, MOMENT),
            KNOWN_AT: pa.array([at + timedelta(hours=3) for at in departures], MOMENT),
            LABEL: (generator.random(rows_a_day) < chance).astype(float),
            INTERVAL: [interval.key] * rows_a_day,
        }
        parts.append(pa.table(columns))
    return pa.concat_tables(parts)


def run_killed(world: World, request: StepRequest, *, at: str) -> int:
    """Run a step in a process of its own that kills itself with SIGKILL at `at`; its exit status.

    `at` is `before module:function` or `after module:function`; without a kill the step runs to its end.
    """
    command = [sys.executable, str(PROJECT / "tests" / "faults" / "kill_at.py"), at, request.step]
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(world.home), **world.environ}
    done = subprocess.run(
        command, input=request.to_json(), env=environ, cwd=world.home, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, -9):
        raise AssertionError(done.stderr)
    return done.returncode
