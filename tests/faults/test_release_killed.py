"""SIGKILL in the middle of a release through the server: the retried step finishes the very same release."""

import pytest

from retrainer.config.serving import Canary, ServiceLevel, Serving
from tests.model_server import StandInServer, listening
from tests.released import Releases
from tests.worlds import run_killed

LEVEL = ServiceLevel(watch_seconds=1, min_requests=20, p95_ms=100, max_error_share=0.01)
DIRECT = Serving(level=LEVEL)
CANARY = Serving(release="canary", canary=Canary(percents=(10, 50), step_seconds=1), level=LEVEL)


@pytest.fixture
def server(releases: Releases):
    """The server, and the address at which it answers. Version 3 does badly as soon as it has all traffic."""
    stand_in = StandInServer(releases.world.settings.ledger_url)
    stand_in.counted = lambda version, now: {"requests": 100, "errors": 50 if now.champion == 3 else 0}
    with listening(stand_in) as stand_in.url:
        yield stand_in


def killed_and_retried(model: Releases, at: str):
    number = model.register()
    assert run_killed(model.world, model.deploy_request(number), at=at) == -9
    return model.deploy(number)


@pytest.mark.parametrize(
    "at",
    [
        "after retrainer.ledger:Ledger.append",
        "before retrainer.deployment.server:ModelServer.refresh",
        "after retrainer.deployment.server:ModelServer.refresh",
        "after retrainer.steps.release_server:Follower.carried_out",
        "before retrainer.steps.release_retreat:_entry",
        "after retrainer.steps.release_finish:retreat",
    ],
)
def test_a_killed_release_that_breaks_its_level_is_rolled_back_once(releases, server, at):
    releases.promote(2)
    served = releases.served(DIRECT, server.url)
    release = killed_and_retried(served, at)
    assert (release.action, release.champion_version, release.served) == ("rollback", 2, True)
    assert served.actions() == [("promote", 1), ("promote", 2), ("promote", 3), ("rollback", 2)]
    assert served.aliases() == {"champion": 2, "previous": 1}


@pytest.mark.parametrize(
    "at",
    [
        "after retrainer.ledger:Ledger.append",
        "after retrainer.steps.release_canary:Canary._give_share",
        "after retrainer.steps.release_server:Follower.held",
        "before retrainer.steps.release_candidate:Candidate.tried_entry",
    ],
)
def test_a_killed_canary_goes_on_with_the_share_that_it_had(releases, server, at):
    releases.promote()
    served = releases.served(CANARY, server.url)
    release = killed_and_retried(served, at)
    assert (release.action, release.champion_version) == ("promote", 2)
    entries = served.world.ledger.entries(served.model)
    assert [(entry.action, entry.evidence.get("percent")) for entry in entries[1:]] == [
        ("split", 10),
        ("split", 50),
        ("promote", None),
    ]


def test_a_canary_that_is_killed_after_it_gave_the_traffic_back_is_rejected(releases, server):
    releases.promote()
    served = releases.served(CANARY, server.url)
    server.counted = lambda version, now: {"requests": 100, "errors": 50 if version == 2 else 0}
    release = killed_and_retried(served, "before retrainer.steps.release_candidate:Candidate.reject_entry")
    assert (release.action, release.champion_version) == ("reject", 1)
    entries = served.world.ledger.entries(served.model)
    assert [(entry.action, entry.evidence.get("percent")) for entry in entries[1:]] == [
        ("split", 10),
        ("split", 0),
        ("reject", None),
    ]
