"""train, compare, register and deploy on one feature table: the same request, the same state; one champion."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from retrainer.contracts import Decision
from retrainer.errors import BadDataError, TrackingUnavailableError, UnsafeArtifactError
from retrainer.registry import CHALLENGER, CHAMPION, PREVIOUS, load_model
from tests.worlds import World, small_config

FIRST = datetime(2013, 6, 3, 4, tzinfo=UTC)
SECOND = datetime(2013, 6, 10, 4, tzinfo=UTC)


@pytest.fixture
def world(tmp_path, monkeypatch) -> World:
    monkeypatch.chdir(tmp_path)  # a local MLflow store keeps its artifacts under the working folder
    (tmp_path / "home").mkdir()
    return World(tmp_path / "home", small_config())


def test_the_first_model_has_to_beat_the_rule_and_becomes_champion(world):
    results = world.release(FIRST, world.features(FIRST))
    assert results["compare"].reference == "baseline"
    assert results["deploy"].action == "promote"
    assert world.versions.alias(CHAMPION) == results["register"].version == 1
    assert world.versions.alias(CHALLENGER) is None


def test_a_first_model_that_knows_no_more_than_the_rule_is_rejected_and_nothing_is_champion(world):
    results = world.release(FIRST, world.features(FIRST, signal=0.0))
    assert results["deploy"].action == "reject"
    assert "not shown to be better than the baseline rule" in results["deploy"].reason
    assert world.versions.alias(CHAMPION) is None
    assert world.versions.get(1).tags["retrainer.decision"] == "reject"


def test_a_better_challenger_replaces_the_champion_and_the_old_one_is_kept_as_previous(world):
    world.release(FIRST, world.features(FIRST))
    results = world.release(SECOND, world.features(SECOND, signal=-3.0, seed=1))
    assert results["deploy"].action == "promote"
    assert (world.versions.alias(CHAMPION), world.versions.alias(PREVIOUS)) == (2, 1)
    assert "better than champion v1" in results["deploy"].reason


def test_the_same_request_twice_gives_the_same_run_version_and_release(world):
    features = world.features(FIRST)
    first = world.release(FIRST, features)
    state = world.state()
    again = world.release(FIRST, features)
    assert again["train"] == first["train"]
    assert again["register"].version == first["register"].version
    assert again["deploy"] == first["deploy"]
    assert world.state() == state


def test_two_trainings_of_the_same_rows_predict_the_same_bytes(world, tmp_path):
    samples = []
    for home in ("one", "two"):
        (tmp_path / home).mkdir()
        other = World(tmp_path / home, small_config())
        trained = other.release(FIRST, other.features(FIRST))["train"]
        samples.append(load_model(trained.model_uri, digest=trained.artifact_digest).sample_outputs.tobytes())
    assert samples[0] == samples[1]


def test_a_backfilled_past_run_is_registered_and_never_moves_the_champion_backwards(world):
    world.release(SECOND, world.features(SECOND))
    older = world.release(FIRST, world.features(FIRST, signal=-3.0, seed=1))
    assert older["deploy"].action == "reject"
    assert older["register"].version == 2
    assert world.versions.alias(CHAMPION) == 1


def test_champion_and_challenger_are_judged_on_rows_that_neither_has_learned_from(world):
    world.release(FIRST, world.features(FIRST))
    results = world.release(SECOND, world.features(SECOND))
    holdout = results["compare"].holdout
    assert holdout.start >= results["train"].training.end
    assert holdout.end == SECOND


def test_a_champion_that_changed_during_the_run_keeps_its_place(world):
    features = world.features(SECOND, signal=3.0)
    results = {"build_features": features}
    for step in ("train", "compare", "register"):
        results[step] = world.run(step, SECOND, results)
    world.release(FIRST, world.features(FIRST, seed=5))
    released = world.run("deploy", SECOND, results)
    assert released.action == "reject"
    assert "the champion changed during the run: compared with the baseline rule, now v2" in released.reason


@pytest.mark.parametrize(
    ("rows_a_day", "reason"),
    [(20, "the holdout has 140 labelled rows, at least 150 are needed (windows.min_holdout_rows)")],
)
def test_a_holdout_with_too_few_rows_rejects_with_that_reason(tmp_path, monkeypatch, rows_a_day, reason):
    monkeypatch.chdir(tmp_path)
    world = World(tmp_path, small_config(min_holdout_rows=150))
    decision = world.release(FIRST, world.features(FIRST, rows_a_day=rows_a_day))["compare"]
    assert (decision.promote, decision.reason) == (False, reason)


def test_a_holdout_with_one_class_rejects_with_that_reason(world):
    features = world.features(FIRST)
    results = {"build_features": features, "train": world.run("train", FIRST, {"build_features": features})}
    results["build_features"] = world.features(FIRST, label=0.0)
    decision: Decision = world.run("compare", FIRST, results)
    assert decision.reason == "the holdout has one class only: every label is 0"


def test_too_few_training_rows_stop_the_run_as_bad_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world = World(tmp_path, small_config(min_training_rows=10_000))
    with pytest.raises(BadDataError, match="training window has 600 labelled rows, at least 10000 are needed"):
        world.run("train", FIRST, {"build_features": world.features(FIRST)})


def test_mlflow_down_is_retryable_and_leaves_no_half_registered_version(world):
    features = world.features(FIRST)
    results = {"build_features": features}
    for step in ("train", "compare"):
        results[step] = world.run(step, FIRST, results)
    request = world.request("register", FIRST, results)
    down = world.settings.model_copy(update={"mlflow_uri": "http://127.0.0.1:9"})
    from retrainer.steps.register import run

    with pytest.raises(TrackingUnavailableError):
        run(request, down)
    assert world.state()["versions"] == []
    assert run(request, world.settings).version == 1


def test_an_artifact_that_was_changed_is_not_promoted(world, tmp_path):
    results = {"build_features": world.features(FIRST)}
    for step in ("train", "compare", "register"):
        results[step] = world.run(step, FIRST, results)
    (file,) = tmp_path.rglob("sample_outputs.npy")
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    with pytest.raises(UnsafeArtifactError, match="was changed after it was registered"):
        world.run("deploy", FIRST, results)
    assert world.versions.alias(CHAMPION) is None
    assert world.ledger.entries("flight_delay") == []


def test_aliases_moved_by_hand_follow_the_ledger_again(world):
    world.release(FIRST, world.features(FIRST))
    features = world.features(SECOND, signal=-3.0, seed=1)
    results = world.release(SECOND, features)
    world.versions.set_alias(CHAMPION, 1)
    assert world.run("deploy", SECOND, results) == results["deploy"]
    assert world.versions.alias(CHAMPION) == 2


def test_of_two_runs_that_deploy_at_once_exactly_one_promotes_and_the_other_is_told(world):
    prepared = {}
    for as_of in (FIRST, SECOND):
        results = {"build_features": world.features(as_of)}
        for step in ("train", "compare", "register"):
            results[step] = world.run(step, as_of, results)
        prepared[as_of] = results
    assert [results["compare"].promote for results in prepared.values()] == [True, True]
    with ThreadPoolExecutor(max_workers=2) as pool:
        releases = list(pool.map(lambda as_of: world.run("deploy", as_of, prepared[as_of]), (FIRST, SECOND)))
    assert sorted(release.action for release in releases) == ["promote", "reject"]
    rejected = next(release for release in releases if release.action == "reject")
    assert "the champion changed during the run" in rejected.reason
    assert [entry.sequence for entry in world.ledger.entries("flight_delay")] == [1, 2]
    assert world.versions.alias(CHAMPION) == rejected.champion_version


def test_labels_that_became_known_after_as_of_change_neither_model_nor_version(world):
    features = world.features(FIRST)
    first = world.release(FIRST, features)
    grown = world.features(SECOND).table
    seen_later = features.model_copy(update={"table": grown.model_copy(update={"window": features.table.window})})
    again = world.release(FIRST, seen_later)
    assert again["train"] == first["train"]
    assert again["deploy"] == first["deploy"]
