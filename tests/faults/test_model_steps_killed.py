"""SIGKILL in the middle of train, register and deploy: the retried run ends in the state of an undisturbed one."""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from retrainer.contracts import StepName, StepRequest
from retrainer.steps.catalog import load_step
from tests.worlds import World, run_killed, small_config

FIRST = datetime(2013, 6, 3, 4, tzinfo=UTC)
SECOND = datetime(2013, 6, 10, 4, tzinfo=UTC)
STEPS: tuple[StepName, ...] = ("train", "compare", "register", "deploy")


@dataclass
class Prepared:
    """A world with two releases, and its databases as they were before each step of the second one."""

    world: World
    copies: Path
    results: dict[str, Any] = field(default_factory=dict)
    undisturbed: dict[str, Any] = field(default_factory=dict)

    def keep(self, step: str) -> None:
        for database in self.world.home.glob("*.sqlite"):
            copy_database(database, self.copies / step / database.name)

    def go_back_to(self, step: str) -> None:
        """Only the databases say what there is; files that they do not name do not count."""
        for copy in (self.copies / step).iterdir():
            copy_database(copy, self.world.home / copy.name)


def copy_database(source: Path, target: Path) -> None:
    """In place: connections to `target` that are open stay usable."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(source)) as origin, closing(sqlite3.connect(target)) as copy:
        origin.backup(copy)


def run_from_text(world: World, step: StepName, results: dict[str, Any]) -> Any:
    """Run a step of the second release here, from its request's text as the killed process gets it: the order of the
    columns, and so the identity of the training, is that of the text."""
    request = StepRequest.from_json(world.request(step, SECOND, results).to_json())
    return load_step(step)(request, world.settings)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")
    before = Path.cwd()
    home = folder / "home"
    home.mkdir()
    os.chdir(home)  # a local MLflow store keeps its artifacts under the working folder
    made = Prepared(World(home, small_config()), folder / "copies")
    made.world.release(FIRST, made.world.features(FIRST))
    made.results["build_features"] = made.world.features(SECOND, signal=-3.0, seed=1)
    for step in STEPS:
        made.keep(step)
        made.results[step] = run_from_text(made.world, step, made.results)
    made.undisturbed = made.world.state()
    yield made
    os.chdir(before)


def test_the_undisturbed_run_promotes_twice(prepared):
    assert [entry[1] for entry in prepared.undisturbed["ledger"]] == ["promote", "promote"]
    assert (prepared.undisturbed["champion"], prepared.undisturbed["previous"]) == (2, 1)


@pytest.mark.parametrize(
    ("step", "at"),
    [
        ("train", "before retrainer.steps.train:store_model"),
        ("train", "after retrainer.steps.train:store_model"),
        ("train", "before retrainer.steps.train:upload"),
        ("register", "before mlflow:MlflowClient.create_model_version"),
        ("register", "after mlflow:MlflowClient.create_model_version"),
        ("register", "before mlflow:MlflowClient.set_registered_model_alias"),
        ("deploy", "before retrainer.ledger:Ledger.append"),
        ("deploy", "after retrainer.ledger:Ledger.append"),
        ("deploy", "after mlflow:MlflowClient.set_registered_model_alias"),
        ("deploy", "before mlflow:MlflowClient.delete_registered_model_alias"),
    ],
)
def test_a_killed_step_that_is_retried_ends_in_the_same_state(step, at, prepared):
    prepared.go_back_to(step)
    earlier = STEPS[: STEPS.index(step)]
    results = {name: prepared.results[name] for name in ("build_features", *earlier)}
    assert run_killed(prepared.world, prepared.world.request(step, SECOND, results), at=at) == -9
    for name in STEPS[STEPS.index(step) :]:
        results[name] = run_from_text(prepared.world, name, results)
    assert prepared.world.state() == prepared.undisturbed


@pytest.mark.parametrize(
    "at", ["after retrainer.steps.train:store_model", "before retrainer.steps.train:upload"], ids=["stored", "logged"]
)
def test_a_killed_training_does_not_hide_the_one_that_finished_after_it(at, prepared):
    """MLflow has the killed run as FINISHED: its model was stored, its result was not."""
    prepared.go_back_to("train")
    results = {"build_features": prepared.results["build_features"]}
    assert run_killed(prepared.world, prepared.world.request("train", SECOND, results), at=at) == -9
    states = []
    for _ in range(3):
        for name in STEPS:
            results[name] = run_from_text(prepared.world, name, results)
        states.append((results["train"], results["register"].version, prepared.world.state()))
    assert states[0][2] == prepared.undisturbed
    assert states[1:] == [states[0], states[0]]
