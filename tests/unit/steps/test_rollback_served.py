"""A rollback tells the model server and says whether it follows; whether it does is no condition."""

import pytest

from retrainer.config.serving import Serving
from tests.model_server import StandInServer
from tests.released import Releases


@pytest.fixture
def served(releases: Releases, server: StandInServer) -> Releases:
    """A model with v2 in production and v1 before."""
    releases.promote(2)
    return releases.served(Serving(), server.url)


@pytest.mark.parametrize("from_airflow", [True, False], ids=["with its declaration", "without"])
def test_the_server_is_told_and_answers_with_the_version(served, server, from_airflow):
    release = served.rollback(declared=from_airflow)
    assert (release.champion_version, release.served) == (1, True)
    assert release.note == f"the model server at {server.url} answers with v1"
    assert ("POST", f"/v1/models/{served.model}/refresh") in server.asked


def test_a_server_that_refuses_the_version_is_told(served, server):
    server.status(served.model)
    server.refuses[1] = "its files are gone"
    release = served.rollback()
    assert (release.champion_version, release.served) == (1, False)
    assert release.note == f"the model server at {server.url} does not serve v1: its files are gone"
    assert served.aliases() == {"champion": 1}


def test_a_server_that_is_down_does_not_stop_a_rollback(served):
    away = served.served(Serving(), "http://127.0.0.1:9")
    release = away.rollback(declared=True)
    assert (release.champion_version, release.served) == (1, False)
    assert release.note.startswith("the model server at http://127.0.0.1:9 does not answer: ")
    assert release.note.endswith(". It follows the ledger by itself once it can")
    assert served.aliases() == {"champion": 1}


def test_a_key_that_is_wrong_does_not_stop_a_rollback(served, server):
    server.admin_key = "another"
    release = served.rollback()
    assert release.served is False
    assert "does not accept the admin key" in release.note


def test_a_model_that_is_switched_off_stays_off(served):
    served.append("switch_off", 2)
    release = served.rollback()
    assert release.note.endswith("answers with the rule: the model is switched off")
    assert served.now.off


@pytest.mark.parametrize("why", ["not known to it", "declared without serving"])
def test_of_a_model_that_is_not_served_the_server_says_nothing(served, releases, server, why):
    server.knows = why != "not known to it"
    model = served
    if server.knows:
        model = releases.served(None, server.url)
    release = model.rollback(declared=server.knows)
    assert (release.served, release.note) == (None, "")
