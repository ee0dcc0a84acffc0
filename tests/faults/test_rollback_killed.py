"""SIGKILL in the middle of rollback: the retried step ends in the state of an undisturbed one."""

import pytest

from tests.worlds import run_killed


def state(releases):
    return releases.actions(), releases.aliases(), releases.now.barred


@pytest.mark.parametrize(
    "at",
    [
        "before retrainer.steps.rollback:check_reproduces",
        "before retrainer.ledger:Ledger.append",
        "after retrainer.ledger:Ledger.append",
        "before mlflow:MlflowClient.set_registered_model_alias",
        "after mlflow:MlflowClient.set_registered_model_alias",
        "before mlflow:MlflowClient.set_registered_model_tag",
        "after mlflow:MlflowClient.set_registered_model_tag",
    ],
)
def test_a_killed_rollback_that_is_retried_is_one_rollback(releases, at):
    releases.promote(3)
    request = releases.rollback_request()
    assert run_killed(releases.world, request, at=at) == -9
    releases.rollback()
    assert state(releases) == (
        [("promote", 1), ("promote", 2), ("promote", 3), ("rollback", 2)],
        {"champion": 2, "previous": 1},
        {3},
    )


@pytest.mark.parametrize("at", ["after retrainer.ledger:Ledger.append", "after retrainer.steps.mirror:_record_moved"])
def test_a_repair_that_is_killed_is_recorded_once(releases, at):
    releases.promote(2)
    candidate = releases.register(promote=False)
    releases.deploy(candidate)
    releases.world.versions.set_alias("champion", 1)
    assert run_killed(releases.world, releases.deploy_request(candidate), at=at) == -9
    releases.deploy(candidate)
    assert releases.actions()[-1] == ("repair", 2)
    assert [action for action, _ in releases.actions()].count("repair") == 1
    assert releases.aliases() == {"champion": 2, "previous": 1}


def test_a_rollback_killed_after_its_entry_is_finished_by_the_next_run_of_any_kind(releases):
    releases.promote(3)
    at = "after retrainer.ledger:Ledger.append"
    assert run_killed(releases.world, releases.rollback_request(), at=at) == -9
    assert releases.aliases() == {"champion": 3, "previous": 2}
    releases.deploy(releases.register(promote=False))
    assert releases.aliases() == {"champion": 2, "previous": 1}
    assert "repair" not in [action for action, _ in releases.actions()]
