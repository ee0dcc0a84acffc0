"""release: shadow. The version answers unseen beside the champion, until its review; a refused one is rejected."""

from functools import partial

import pytest

from retrainer.config.serving import ServiceLevel, Serving
from retrainer.errors import ModelServerError
from retrainer.steps import deploy
from retrainer.steps.release_server import Follower
from tests.model_server import StandInServer
from tests.released import Releases

SERVING = Serving(release="shadow", level=ServiceLevel(watch_seconds=0))


@pytest.fixture
def served(releases: Releases, server: StandInServer) -> Releases:
    """A model with v1 in production, whose next versions go into the shadow."""
    releases.promote()
    return releases.served(SERVING, server.url)


def test_the_first_version_is_promoted_since_it_has_nobody_to_be_the_shadow_of(releases, server):
    model = releases.served(SERVING, server.url)
    assert model.deploy(model.register()).action == "promote"


def test_a_better_version_goes_into_the_shadow_and_the_champion_stays(served, server):
    release = served.deploy(served.register())
    assert (release.action, release.version, release.champion_version, release.served) == ("shadow", 2, 1, True)
    assert release.reason == "answers unseen until its review; better"
    assert release.note == f"the model server at {server.url} has v2 on trial"
    assert served.now.shadow == 2
    assert served.aliases() == {"champion": 1, "shadow": 2}


def test_its_entry_is_the_decision_of_its_run(served):
    number = served.register()
    served.world.versions.set_alias("challenger", number)
    served.deploy(number)
    entry = served.world.ledger.entries(served.model)[-1]
    assert entry.identity == f"{served.model} training 2"
    assert entry.evidence["decision"]["promote"] is True
    assert "challenger" not in served.aliases()


def test_run_again_it_changes_nothing(served):
    number = served.register()
    first = served.deploy(number)
    assert served.deploy(number) == first
    assert served.actions() == [("promote", 1), ("shadow", 2)]


def test_a_version_that_is_not_better_is_rejected_as_ever(served, server):
    before = len(server.asked)
    assert served.deploy(served.register(promote=False)).action == "reject"
    assert len(server.asked) == before


def test_a_version_that_the_server_refuses_is_rejected(served, server):
    server.refuses[2] = "it crashed"
    number = served.register()
    release = served.deploy(number)
    assert (release.action, release.version, release.champion_version, release.served) == ("reject", 2, 1, True)
    assert release.reason == "the model server refused it: it crashed"
    assert served.aliases() == {"champion": 1}
    assert served.deploy(number) == release


def test_a_newer_version_takes_the_place_of_one_without_a_verdict(served):
    older, newer = served.register(), served.register()
    served.deploy(older)
    served.deploy(newer)
    assert served.actions()[1:] == [("shadow", 2), ("reject", 2), ("shadow", 3)]
    assert served.now.shadow == 3
    assert served.aliases() == {"champion": 1, "shadow": 3}
    again = served.deploy(older)
    assert (again.action, again.reason) == ("reject", "v3 takes its place on trial")
    assert served.aliases() == {"champion": 1, "shadow": 3}


def test_a_person_who_rolls_back_ends_it(releases, server):
    releases.promote(2)
    served = releases.served(SERVING, server.url)
    served.deploy(served.register())
    served.rollback()
    assert served.now.shadow is None
    assert served.aliases() == {"champion": 1}


def test_an_alias_shadow_that_was_set_by_hand_is_set_back(served):
    served.deploy(served.register())
    served.world.versions.set_alias("shadow", 1)
    served.deploy(served.register(promote=False))
    repair = served.world.ledger.entries(served.model)[2]
    assert (repair.action, repair.reason) == ("repair", "alias shadow named v1, the ledger says v2: set back")
    assert served.aliases()["shadow"] == 2


def test_a_server_that_is_down_is_a_failure_that_a_retry_finishes(served, server, monkeypatch):
    monkeypatch.setattr(deploy, "Follower", partial(Follower, absence_seconds=0.1))
    number = served.register()
    server.down_when = lambda now: True
    with pytest.raises(ModelServerError):
        served.deploy(number)
    assert served.aliases() == {"champion": 1, "shadow": 2}
    server.down_when = lambda now: False
    assert served.deploy(number).served is True
    assert served.actions() == [("promote", 1), ("shadow", 2)]
