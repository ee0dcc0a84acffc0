"""SIGKILL in the middle of train, register and deploy: the retried run ends in the state of an undisturbed one."""

from datetime import UTC, datetime

import pytest

from tests.worlds import World, run_killed, small_config

FIRST = datetime(2013, 6, 3, 4, tzinfo=UTC)
SECOND = datetime(2013, 6, 10, 4, tzinfo=UTC)


def play(world: World, *, kill_step: str = "", at: str = "") -> dict:
    """Two releases; in the second one, the step `kill_step` is killed once and then run again."""
    world.home.mkdir()
    world.release(FIRST, world.features(FIRST))
    results = {"build_features": world.features(SECOND, signal=-3.0, seed=1)}
    for step in ("train", "compare", "register", "deploy"):
        if step == kill_step:
            assert run_killed(world, world.request(step, SECOND, results), at=at) == -9
        results[step] = world.run(step, SECOND, results)
    return world.state()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict:
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("undisturbed")
        patch.chdir(home)
        return play(World(home / "home", small_config()))


def test_the_undisturbed_run_promotes_twice(undisturbed):
    assert [entry[1] for entry in undisturbed["ledger"]] == ["promote", "promote"]
    assert (undisturbed["champion"], undisturbed["previous"]) == (2, 1)


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
def test_a_killed_step_that_is_retried_ends_in_the_same_state(step, at, undisturbed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert play(World(tmp_path / "home", small_config()), kill_step=step, at=at) == undisturbed
