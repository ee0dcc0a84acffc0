"""Releases through a real server: deploy, canary, shadow, rollback and switch end once it does what the ledger says."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from retrainer.config.runtime import RuntimeSettings, load_settings
from retrainer.config.serving import Canary, ServiceLevel, Serving
from retrainer.contracts import Decision, Registration, Release, Split
from retrainer.registry import Versions
from retrainer.steps import deploy, rollback
from retrainer.steps.release_server import model_server
from retrainer.steps.release_switch import Switch, switch
from retrainer.steps.release_told import told
from tests.released import as_of
from tests.serving.served import RULE, Edit, Served, Server, first, running_server, unchanged, warmer
from tests.worlds import PROJECT

LEVEL = ServiceLevel(p95_ms=60_000, watch_seconds=4, min_requests=5, max_error_share=0.01)
DIRECT = Serving(level=LEVEL)
CANARY = Serving(level=LEVEL, release="canary", canary=Canary(percents=(50,), step_seconds=4))
SHADOW = Serving(level=LEVEL, release="shadow")


def wrong_in_the_server(folder: Path) -> None:
    """A version that does well wherever it is tried before, and fails where it is to serve."""
    first(folder, "import os", 'if os.environ.get("WHERE") == "in the server":', '    raise ValueError("not here")')


def breaks_after_a_while(folder: Path) -> None:
    """A version that answers what it is tried with and fails on a carrier of later; its rule looks at no carrier."""
    first(
        folder, 'if "carrier" in columns and columns["carrier"][0] == "LATER":', '    raise ValueError("not that one")'
    )
    first(folder, 'columns = {name: values for name, values in columns.items() if name != "carrier"}', file=RULE)


@dataclass
class Story:
    """One model, its server, and the steps that release to it."""

    served: Served
    server: Server

    @property
    def settings(self) -> RuntimeSettings:
        return load_settings(self.served.environ | {"RETRAINER_SERVING_URI": self.server.url}, PROJECT)

    def champion(self) -> int | None:
        status = self.server.status(self.served.model)
        return status.champion.version if status and status.champion else None

    def deploy(self, edit: Edit = unchanged, *, serving: Serving = DIRECT) -> Release:
        """Register a version, and deploy it as the run would that has compared it with the champion."""
        number = self.served.version(edit)
        releases = self.served.releases
        version = Versions(deploy.connect_tracking(self.settings), self.served.model).get(number)
        champion = self.champion()
        decision = Decision(
            promote=True,
            reason="better",
            metric="roc_auc",
            reference="champion" if champion else "baseline",
            champion_version=champion,
            rows=1000,
            blocks=14,
            confidence=0.9,
        )
        trained = {"identity": f"training {number}", "artifact_digest": version.digest, "model_uri": version.source}
        inputs = {
            "train": releases.trained.model_copy(update=trained),
            "compare": decision,
            "register": Registration(name=self.served.model, version=number, version_url="", created=True),
        }
        world = releases.world
        request = world.request("deploy", as_of(number), inputs, run_id=f"night {number}")
        config = world.config.model_copy(update={"serving": serving}).model_dump(mode="json")
        return deploy.run(request.model_copy(update={"config": config}), self.settings)

    def rollback(self) -> Release:
        request = self.served.releases.rollback_request(run_id="by hand", declared=True)
        return rollback.run(request, self.settings)

    @contextmanager
    def steady_client(self, **changes: Any) -> Iterator[Counter[tuple[int | None, str]]]:
        """Somebody who asks all the time; how many answers came from which version and source."""
        answers: Counter[tuple[int | None, str]] = Counter()
        records = [record | changes for record in self.served.records(20)]
        stop = threading.Event()

        def ask() -> None:
            with self.server.client() as client:
                while not stop.is_set():
                    for record in records:
                        answer = client.post(f"/v1/models/{self.served.model}/predict", json={"records": [record]})
                        (prediction,) = answer.raise_for_status().json()["predictions"]
                        answers[prediction["version"], prediction["source"]] += 1

        client = threading.Thread(target=ask)
        client.start()
        try:
            yield answers
        finally:
            stop.set()
            client.join()


@pytest.fixture(scope="module")
def story(trained_model, tmp_path_factory) -> Iterator[Story]:
    served = Served(trained_model.another_model("released"), tmp_path_factory.mktemp("released"))
    with running_server(served, WHERE="in the server") as server:
        yield Story(served, server)


def test_a_release_ends_when_the_server_answers_with_the_version(story):
    release = story.deploy()
    assert (release.action, release.champion_version, release.served) == ("promote", 1, True)
    assert release.note == f"the model server at {story.server.url} answers with v1"
    assert story.champion() == 1


def test_a_version_that_fails_only_in_the_server_is_rolled_back_while_the_old_one_answers(story):
    with story.steady_client() as answers:
        release = story.deploy(wrong_in_the_server)
    assert (release.action, release.version, release.champion_version, release.served) == ("rollback", 1, 1, True)
    assert release.reason.startswith("back from v2: the model server refused it: ")
    assert story.champion() == 1
    assert set(answers) == {(1, "model")}


def test_a_version_whose_answers_fail_while_it_is_watched_is_rolled_back(story):
    with story.steady_client(carrier="LATER") as answers:
        release = story.deploy(breaks_after_a_while)
        assert (release.action, release.champion_version) == ("rollback", 1)
        assert release.reason.startswith("back from v3: it broke its service level: ")
    assert answers[None, "fallback"] > 0
    assert story.champion() == 1


def test_a_canary_shares_the_traffic_before_it_gets_all_of_it(story):
    shares = []
    with story.steady_client() as answers:
        thread = threading.Thread(target=lambda: story.server.wait(lambda: shares.append(_split(story)) or shares[-1]))
        thread.start()
        release = story.deploy(warmer(5), serving=CANARY)
        thread.join()
    assert (release.action, release.champion_version, release.served) == ("promote", 4, True)
    assert shares[-1] == Split(version=4, percent=50)
    assert answers[1, "model"] > 0
    assert answers[4, "model"] > 0
    assert {source for _, source in answers} == {"model"}


def _split(story: Story) -> Split | None:
    status = story.server.status(story.served.model)
    return status.split if status else None


def test_a_canary_that_breaks_its_level_gives_all_traffic_back(story):
    with story.steady_client(carrier="LATER"):
        release = story.deploy(breaks_after_a_while, serving=CANARY)
    assert (release.action, release.champion_version, release.served) == ("reject", 4, True)
    assert "v5 got 50 % of the traffic, and it broke its service level" in release.reason
    assert _split(story) is None


def test_a_version_goes_into_the_shadow_and_out_of_it_with_a_rollback(story):
    release = story.deploy(warmer(10), serving=SHADOW)
    assert (release.action, release.champion_version, release.served) == ("shadow", 4, True)
    assert story.server.status(story.served.model).shadow.version == 6
    back = story.rollback()
    assert (back.champion_version, back.served) == (1, True)
    assert back.note == f"the model server at {story.server.url} answers with v1"
    assert story.server.status(story.served.model).shadow is None


def test_a_switch_is_obeyed_within_three_seconds(story):
    ledger = deploy.Ledger.open(story.settings.ledger_url)
    for off in (True, False):
        entry, is_new = switch(Switch(story.served.model, off, "a test", "ada", f"switch off: {off}"), ledger)
        release = told(entry, ledger, model_server(story.settings))
        status = story.server.status(story.served.model)
        (answer,) = story.server.predict(story.served.model, story.served.records(1))
        assert (is_new, release.served, status.off) == (True, True, off)
        assert answer["source"] == ("fallback" if off else "model")
