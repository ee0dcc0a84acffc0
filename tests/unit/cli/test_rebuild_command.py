"""`retrainer rebuild` as a user calls it: a table, a verdict, and an exit status that a script can go by."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from retrainer.contracts import Decision
from retrainer.steps.tracking import connect_tracking
from tests.unit.cli.commands import call
from tests.worlds import World, small_config

AS_OF = datetime(2013, 6, 3, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One registered version."""
    before, home = Path.cwd(), tmp_path_factory.mktemp("rebuild")
    os.chdir(home)  # a local MLflow store keeps its artifacts under the working folder
    made = World(home, small_config())
    decision = Decision(
        promote=False, reason="test", metric="roc_auc", reference="baseline", rows=0, blocks=0, confidence=0.9
    )
    results = {"build_features": made.features(AS_OF), "compare": decision}
    for step in ("train", "register"):
        results[step] = made.run(step, AS_OF, results)
    yield made
    os.chdir(before)


@pytest.fixture
def tag(world):
    """Set a tag of the version for one test."""
    version = world.versions.get(1)
    assert version is not None
    changed = []

    def change(name: str, value: str) -> None:
        changed.append(name)
        world.versions.tag(1, {name: value})

    yield change
    for name in changed:
        if name in version.tags:
            world.versions.tag(1, {name: version.tags[name]})
        else:
            connect_tracking(world.settings).client.delete_model_version_tag(world.config.name, "1", name)


def test_a_match_prints_every_check_and_the_verdict_and_exits_with_0(world):
    done = call(world, "rebuild", "flight_delay@1")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["check", "verdict", "then", "now", "in", "words"]
    assert [line.split()[0] for line in lines[1:12]] == [
        "code", "lock", "data", "seed", "configuration", "software", "features", "examples", "parameters",
        "predictions", "artifact",
    ]  # fmt: skip
    assert lines[-1].startswith("Match: flight_delay v1 was rebuilt; data are the same, predictions are equal")


def test_a_mismatch_names_the_first_difference_and_exits_with_1(world, tag):
    tag("retrainer.code_digest", "0" * 64)
    done = call(world, "rebuild", "flight_delay@v1")
    assert done.returncode == 1
    last = done.stdout.splitlines()[-1]
    assert last == "Mismatch: flight_delay v1 was not rebuilt; the first thing that differs is: code."


def test_json_has_every_check_in_full(world):
    done = call(world, "rebuild", "flight_delay@1", "--json")
    rebuilt = json.loads(done.stdout)
    assert (rebuilt["model"], rebuilt["version"], rebuilt["matches"]) == ("flight_delay", 1, True)
    features = next(check for check in rebuilt["checks"] if check["name"] == "features")
    assert len(features["expected"]) == 64


def test_an_archived_version_cannot_be_rebuilt_and_exits_with_78(world, tag):
    tag("retrainer.archived", "2013-07-01T05:00:00+00:00")
    done = call(world, "rebuild", "flight_delay@1")
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.startswith("Error: rebuild: v1 of flight_delay was archived at 2013-07-01T05:00:00+00:00")


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("flight_delay", "Error: name a version, such as flight_delay@7, got 'flight_delay'"),
        ("@1", "Error: name a version, such as flight_delay@7, got '@1'"),
        ("flight_delay@best", "Error: a version is a number such as 7 or v7, got 'best'"),
        ("flight_delay@2", "Error: rebuild: flight_delay has no version 2 in the registry (the last ones: 1)"),
    ],
)
def test_what_names_no_version_is_refused_and_exits_with_78(world, named, message):
    done = call(world, "rebuild", named)
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.startswith(message)
