"""The model that the servers are measured with: the example's declaration and trees, trained twice on made-up rows."""

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd

from retrainer.config.load import load_declaration
from retrainer.config.serving import Serving
from retrainer.contracts import NewEntry
from retrainer.evaluation import predictions_of
from retrainer.registry import load_model, model_files
from retrainer.saved import LoadedModel
from tests.worlds import FIRST, PROJECT, World, small_config

NAME = "flight_delay"
RECORDS = 50
"""Different records that the servers are asked about."""


@dataclass(frozen=True, slots=True)
class Served:
    """Two registered versions and records with the right answer of each."""

    world: World
    records: pd.DataFrame
    answers: Mapping[int, Sequence[float]]
    environ: Mapping[str, str]

    def bodies(self) -> list[str]:
        """A request of one record each, with every value that the model reads."""
        return [json.dumps({"records": [row]}) for row in self._rows()]

    def mlflow_bodies(self) -> list[str]:
        """The same for MLflow's scoring server, which knows no time zones."""
        naive = [{name: _without_zone(value) for name, value in row.items()} for row in self._rows()]
        return [json.dumps({"dataframe_split": {"columns": [*row], "data": [[*row.values()]]}}) for row in naive]

    def _rows(self) -> list[dict[str, Any]]:
        """The records in plain values. Not by pandas' to_json: it keeps no more than 15 digits after the point."""
        return [{name: _plain(value) for name, value in row.items()} for row in self.records.to_dict(orient="records")]

    @contextmanager
    def files(self, version: int) -> Iterator[Path]:
        """The folder of a version, as MLflow keeps it."""
        registered = self.world.versions.get(version)
        assert registered is not None
        with model_files(registered.source, digest=registered.digest) as folder:
            yield folder

    def promote(self, version: int) -> int:
        """Put a version in production by an entry of the ledger alone; its place there."""
        ledger, model = self.world.ledger, self.world.config.name
        entries = ledger.entries(model)
        known = next(entry for entry in entries if entry.version == version)
        number = len(entries) + 1
        entry = NewEntry(
            **known.model_dump(include={"model", "version", "as_of", "evidence"}),
            action="promote",
            previous_version=None,
            champion_version=version,
            identity=f"swap {number}",
            actor="benchmark",
            reason="a swap",
        )
        return ledger.write(model, entry.identity, lambda _: entry).sequence


def trained_twice(home: Path) -> Served:
    """Train and release two versions on different rows."""
    example = load_declaration(PROJECT / "config" / "models" / f"{NAME}.yaml")
    config = small_config().model_copy(update={"estimator": example.estimator, "serving": Serving()})
    world = World(home, config)
    loaded: dict[int, LoadedModel] = {}
    for number, signal in enumerate((1.0, 3.0), start=1):
        as_of = FIRST + timedelta(days=20 + number)
        with chdir(home):  # MLflow without a server keeps artifacts in the working folder
            world.release(as_of, world.features(as_of, rows_a_day=400, signal=signal, seed=number))
        registered = world.versions.get(number)
        assert registered is not None
        loaded[number] = load_model(registered.source, digest=registered.digest)
    records = _records(loaded[1].sample_inputs)
    answers = {number: predictions_of(each.pipeline, records).output.tolist() for number, each in loaded.items()}
    return Served(world, records, answers, world.environ)


def _records(sample: pd.DataFrame) -> pd.DataFrame:
    """The sample's rows, as often as needed, each a little different."""
    places = np.arange(RECORDS) % len(sample)
    records = sample.iloc[places].reset_index(drop=True)
    moved = pd.to_timedelta(np.arange(RECORDS) * 7, unit="min")
    return records.assign(scheduled_departure=records["scheduled_departure"] + moved)


def _plain(value: Any) -> Any:
    if value is None or pd.isna(value):
        return None
    return value.isoformat() if isinstance(value, pd.Timestamp) else value


def _without_zone(value: Any) -> Any:
    return value.removesuffix("+00:00") if isinstance(value, str) else value


def free_port() -> int:
    """A port of the loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def status(url: str) -> dict[str, Any]:
    """What the server says of the model."""
    answer = httpx.get(f"{url}/v1/models/{NAME}", trust_env=False, timeout=10)
    return answer.json() if answer.status_code == httpx.codes.OK else {"sequence": 0, "champion": None}
