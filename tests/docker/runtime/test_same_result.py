"""The same days of real flights through a whole run, on the worker and in containers of the image `steps`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pendulum
import pyarrow as pa
import pytest
import yaml
from deltalake import DeltaTable

from retrainer.airflow.operators.step import StepOperator
from retrainer.airflow.sensors.wait_for_data import WaitForDataSensor
from retrainer.config.runtime import load_settings
from retrainer.contracts import PIPELINE
from retrainer.registry import Versions
from retrainer.scoring.place import scored_uri
from retrainer.sources.sample import land, load_flights, open_database
from retrainer.steps.tracking import connect_tracking
from tests.dags.conftest import PROJECT, build_context
from tests.docker.conftest import built
from tests.docker.engine import docker, mounts
from tests.integration.loop import small_declaration

pytestmark = [pytest.mark.docker, pytest.mark.timeout(2400)]

NIGHT = (pendulum.datetime(2013, 5, 26, 4), pendulum.datetime(2013, 5, 27, 4))
GATES = {
    "min_gain_over_baseline": -0.5,
    "min_value": 0.0,
    "slices": [],
    "canonical": [],
    "max_calibration_error": 0.9,
    "max_latency_p95_ms": 10_000,
}
"""A week of flights is too little to beat the rule for certain."""
LIMITS = {"memory_mb": 3000, "timeout_minutes": 15}
OF_THE_RUN = ("scored_at", "identity")
"""When, and by which libraries: the image has another lock than the worker."""


@dataclass
class Place:
    """A home of its own for one runtime, with the same source."""

    home: Path
    source: Path
    runtime: dict[str, Any]
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        return {
            "RETRAINER_HOME": str(self.home),
            "RETRAINER_MLFLOW_URI": f"sqlite:///{self.home / 'mlflow.sqlite'}",
            "RETRAINER_SERVING_URI": "none",
            "RETRAINER_STEP_HOST_SOCKET": str(self.home / "no.sock"),
            "AIRFLOW_CONN_FLIGHTS_SOURCE": json.dumps(
                {"conn_type": "sqlite", "extra": {"sqlalchemy_url": f"sqlite:///{self.source}"}}
            ),
        }

    @property
    def declaration(self) -> Path:
        return self.home / "flight_delay.yaml"

    def prepare(self) -> None:
        """Declare the model, and say where MLflow keeps its files: else in the working folder, which is read only."""
        self.home.mkdir()
        content = small_declaration({"gates": GATES, "runtime": self.runtime})
        content.pop("serving")
        self.declaration.write_text(yaml.safe_dump(content, sort_keys=False))
        tracking = connect_tracking(load_settings(self.environ, PROJECT))
        for experiment in ("flight_delay", "flight_delay__data"):
            tracking.client.create_experiment(experiment, artifact_location=str(self.home / experiment))
            (self.home / experiment).mkdir()
        mounts(self.home)

    def run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A run of the training DAG, and the batch predictions of its interval, task by task."""
        for name, value in self.environ.items():
            monkeypatch.setenv(name, value)
        for step in (*PIPELINE, "score"):
            context = build_context(interval=NIGHT, results=self.results)
            self.results[step] = self._operator(step).execute(context)

    def _operator(self, step: str) -> StepOperator | WaitForDataSensor:
        if step == "wait_for_data":
            soon = pendulum.duration(seconds=1)
            return WaitForDataSensor(
                declaration=self.declaration, project_root=PROJECT, timeout=soon, poke_interval=soon
            )
        return StepOperator(step=step, declaration=self.declaration, project_root=PROJECT)

    @property
    def predictions(self) -> pa.Table:
        table = DeltaTable(scored_uri(str(self.home / "data"), "flight_delay")).to_pyarrow_table()
        return table.sort_by("flight_id").drop_columns(list(OF_THE_RUN))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's database, in which some weeks have landed."""
    folder = tmp_path_factory.mktemp("source")
    url = f"sqlite:///{folder / 'flights.sqlite'}"
    load_flights(url)
    land(open_database(url), date(2013, 5, 1), date(2013, 5, 26))
    mounts(folder)
    return folder / "flights.sqlite"


@pytest.fixture(scope="module")
def places(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Place]:
    """A whole run on the worker, and one in containers."""
    image = built("steps")
    folder = tmp_path_factory.mktemp("places")
    home = folder / "docker"
    shared = [{"type": "bind", "source": str(each), "target": str(each)} for each in (home, source.parent)]
    section = {"image": image.details["Id"], "mounts": shared}
    on_worker = Place(folder / "process", source, {"kind": "process", "limits": LIMITS})
    in_containers = Place(home, source, {"kind": "docker", "limits": LIMITS, "docker": section})
    for place in (on_worker, in_containers):
        place.prepare()
        with pytest.MonkeyPatch.context() as monkeypatch:
            place.run(monkeypatch)
    return on_worker, in_containers


@pytest.mark.parametrize("step", ["snapshot", "validate_data", "build_features"])
def test_the_digests_of_the_data_are_the_same(step: str, places: tuple[Place, Place]) -> None:
    on_worker, in_containers = (list(_values(place.results[step], "digest")) for place in places)
    assert len(on_worker) >= 1
    assert on_worker == in_containers


def test_the_predictions_are_the_same_to_the_last_bit(places: tuple[Place, Place]) -> None:
    on_worker, in_containers = places
    reasons = [place.results["compare"]["reason"] for place in places]
    assert [place.results["deploy"]["action"] for place in places] == ["promote", "promote"], reasons
    assert len(on_worker.predictions) > 500
    assert on_worker.predictions.equals(in_containers.predictions)


def test_the_decision_rests_on_the_same_numbers(places: tuple[Place, Place]) -> None:
    names = ("rows", "blocks", "challenger_value", "reference_value", "difference", "low", "high")
    on_worker, in_containers = ([place.results["compare"][name] for name in names] for place in places)
    assert None not in on_worker
    assert on_worker == in_containers


def test_the_version_says_which_lock_made_it(places: tuple[Place, Place]) -> None:
    _, place = places
    version = Versions(connect_tracking(load_settings(place.environ, PROJECT)), "flight_delay").get(1)
    assert version.tags["retrainer.lock_digest"] == built("steps").labels["retrainer.lock_digest"]


def test_no_container_is_left(places: tuple[Place, Place]) -> None:
    assert places
    assert docker("ps", "--all", "--quiet", "--filter", "label=retrainer.model=flight_delay").stdout == ""


def _values(value: object, name: str) -> Iterator[object]:
    """Each value of the key `name`, wherever it is."""
    if isinstance(value, dict):
        if name in value:
            yield value[name]
        for item in value.values():
            yield from _values(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _values(item, name)
