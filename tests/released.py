"""Versions of one model without a training for each: one real artifact, registered as often as a test needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from retrainer.config.serving import Serving
from retrainer.contracts import Action, Approval, Decision, NewEntry, Registration, Release, StepRequest, TrainedModel
from retrainer.deployment import Standing, standing
from retrainer.registry import DIGEST, model_files
from retrainer.steps import deploy, rollback
from retrainer.steps.tracking import connect_tracking
from tests.worlds import World, small_config

FIRST = datetime.fromisoformat("2013-06-03T04:00:00+00:00")


@dataclass
class Releases:
    """A world with one trained model. Version n is trained as of n - 1 days after FIRST."""

    world: World
    trained: TrainedModel
    _inputs: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def model(self) -> str:
        return self.world.config.name

    def another_model(self, name: str) -> "Releases":
        """The same artifact in the same places under another name: nothing is registered there yet."""
        config = self.world.config.model_copy(update={"name": name})
        return Releases(World(self.world.home, config), self.trained)

    def served(self, serving: Serving | None, uri: str) -> "Releases":
        """The same model with what it declares about serving, and the address of a server."""
        config = self.world.config.model_copy(update={"serving": serving})
        return replace(self, world=replace(self.world, config=config, serving_uri=uri))

    @contextmanager
    def files(self) -> Iterator[Path]:
        """A copy of the trained model's files, whichever registry this process was connected to before."""
        connect_tracking(self.world.settings)
        with model_files(self.trained.model_uri, digest=self.trained.artifact_digest) as folder:
            yield folder

    @property
    def now(self) -> Standing:
        return standing(self.world.ledger.entries(self.model))

    def register(self, *, promote: bool = True, against: int | str | None = "champion") -> int:
        """The next version, whose run compared it with version `against`, by default the champion."""
        number = len(self.world.versions.all()) + 1
        identity = f"{self.model} training {number}"
        self.world.versions.ensure_model("a test's")
        version = self.world.versions.register(
            source=self.trained.model_uri,
            run_id=self.trained.run_id,
            identity=identity,
            tags={DIGEST: self.trained.artifact_digest, "retrainer.as_of": as_of(number).isoformat()},
            description="",
        )
        assert version.version == number
        compared = self.now.champion if against == "champion" else against
        decision = Decision(
            promote=promote,
            reason="better" if promote else "not shown to be better",
            metric="roc_auc",
            reference="champion" if compared else "baseline",
            champion_version=compared,
            rows=1000,
            blocks=14,
            confidence=0.9,
        )
        self._inputs[number] = {
            "train": self.trained.model_copy(update={"identity": identity}),
            "compare": decision,
            "register": Registration(name=self.model, version=number, version_url=f"mlflow/v{number}", created=True),
        }
        return number

    def deploy_request(self, number: int, *, approval: Approval | None = None, **params: Any) -> StepRequest:
        inputs = self._inputs[number] | ({"approve": approval} if approval else {})
        request = self.world.request("deploy", as_of(number), inputs, run_id=f"night {number}")
        return request.model_copy(update={"params": params})

    def deploy(self, number: int, **options: Any) -> Release:
        return deploy.run(self.deploy_request(number, **options), self.world.settings)

    def promote(self, count: int = 1) -> int:
        """That many versions promoted, one after another; the number of the last."""
        for _ in range(count):
            number = self.register()
            assert self.deploy(number).action == "promote"
        return number

    def rollback_request(
        self, target: int | str = "previous", *, run_id: str = "by hand", declared: bool = False, **params: Any
    ) -> StepRequest:
        """`declared`: with the declaration, as Airflow sends it."""
        form = {"target": target, "reason": "complaints", "actor": "ada"} | params
        request = self.world.request("rollback", as_of(1), {}, run_id=run_id)
        return request.model_copy(update={"params": form} | ({} if declared else {"config": {}}))

    def rollback(self, target: int | str = "previous", **options: Any) -> Release:
        return rollback.run(self.rollback_request(target, **options), self.world.settings)

    def append(self, action: Action, number: int, **evidence: JsonValue) -> None:
        """An entry that moves no champion, such as the one that a version's files are to be deleted."""
        now = self.now
        entry = NewEntry(
            model=self.model,
            action=action,
            version=number,
            previous_version=now.previous,
            champion_version=now.champion,
            as_of=as_of(number),
            identity=f"{action} {number} after {now.sequence}",
            actor="a test",
            reason="",
            evidence=evidence,
        )
        self.world.ledger.append(entry, after=now.sequence)

    def actions(self) -> list[tuple[str, int]]:
        return [(entry.action, entry.version) for entry in self.world.ledger.entries(self.model)]

    def aliases(self) -> dict[str, int]:
        return self.world.versions.aliases()


def as_of(number: int) -> datetime:
    return FIRST + timedelta(days=number - 1)


def train_once(home: Path) -> Releases:
    """A world in which one model was trained. MLflow's files go under the folder that is the working one now."""
    world = World(home, small_config())
    return Releases(world, world.run("train", FIRST, {"build_features": world.features(FIRST)}))
