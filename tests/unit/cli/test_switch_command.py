"""`retrainer switch`: an entry of the ledger, and whether the model server obeys; a reason is needed."""

import getpass
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.model_server import StandInServer, listening
from tests.unit.ledger.entries import MODEL, new_entry
from tests.worlds import World, small_config

WHY = ("--reason", "answers are nonsense")


@pytest.fixture
def world(tmp_path) -> World:
    """v1 of the model is in production."""
    world = World(tmp_path, small_config())
    world.ledger.append(new_entry("a", version=1), after=0)
    return world


@pytest.fixture
def server(world) -> Iterator[StandInServer]:
    """The server, and the address at which it answers."""
    stand_in = StandInServer(world.settings.ledger_url)
    with listening(stand_in) as stand_in.url:
        yield stand_in


def test_a_model_is_switched_off_and_on_with_who_and_why_in_the_ledger(world, server, retrainer):
    served = replace(world, serving_uri=server.url)
    off = retrainer(served, "switch", MODEL, "off", *WHY)
    assert (off.status, off.err) == (0, "")
    first, second = off.out.splitlines()
    assert first == "flight_delay is switched off (entry 2): its rule is to answer."
    assert second.startswith(
        f"The model server at {server.url} answers with the rule: the model is switched off, after "
    )
    assert server.status(MODEL).off
    assert ("POST", f"/v1/models/{MODEL}/refresh") in server.asked
    entry = world.ledger.entries(MODEL)[-1]
    assert (entry.action, entry.actor, entry.reason) == ("switch_off", getpass.getuser(), "answers are nonsense")
    assert (entry.version, entry.champion_version) == (1, 1)
    on = retrainer(served, "switch", MODEL, "on", "--reason", "repaired")
    first, second = on.out.splitlines()
    assert first == "flight_delay is switched on (entry 3): v1 is to answer."
    assert second.startswith(f"The model server at {server.url} answers with v1, after ")
    assert not server.status(MODEL).off


def test_switched_so_already_it_says_since_when_and_tells_the_server_again(world, server, retrainer):
    served = replace(world, serving_uri=server.url)
    assert retrainer(served, "switch", MODEL, "on", *WHY).out.startswith("flight_delay is switched on already.\n")
    retrainer(served, "switch", MODEL, "off", *WHY)
    server.asked.clear()
    again = retrainer(served, "switch", MODEL, "off", *WHY).out
    assert again.startswith("flight_delay is switched off already since ")
    assert "(entry 2).\n" in again
    assert ("POST", f"/v1/models/{MODEL}/refresh") in server.asked
    assert len(world.ledger.entries(MODEL)) == 2


def test_a_server_that_is_down_obeys_once_it_is_back_and_that_is_said(world, retrainer):
    said = retrainer(replace(world, serving_uri="http://127.0.0.1:9"), "switch", MODEL, "off", *WHY)
    assert said.status == 0
    assert "The model server at http://127.0.0.1:9 does not answer: " in said.out
    assert said.out.endswith(". It follows the ledger by itself once it can.\n")
    assert world.ledger.entries(MODEL)[-1].action == "switch_off"


def test_where_there_is_no_server_or_it_does_not_serve_the_model_it_says_so(world, server, retrainer):
    out = retrainer(world, "switch", MODEL, "off", *WHY).out
    assert out.splitlines()[1] == "There is no model server: the setting serving_uri is none."
    server.knows = False
    out = retrainer(replace(world, serving_uri=server.url), "switch", MODEL, "on", *WHY).out
    assert out.splitlines()[1] == f"The model server at {server.url} does not serve flight_delay."


def test_with_mlflow_down_it_works_too(world, server, retrainer):
    served = replace(world, serving_uri=server.url)
    said = retrainer(served, "switch", MODEL, "off", *WHY, RETRAINER_MLFLOW_URI="http://127.0.0.1:9")
    assert said.status == 0
    assert server.status(MODEL).off


@pytest.mark.parametrize("reason", [" ", "x" * 2001], ids=["blank", "too long"])
def test_a_reason_that_says_nothing_or_too_much_is_refused(world, retrainer, reason):
    said = retrainer(world, "switch", MODEL, "off", "--reason", reason)
    assert (said.status, said.out) == (78, "")
    assert said.err.startswith("Error: a switch needs a reason: a text of 1 to 2000 characters, got ")
    assert len(world.ledger.entries(MODEL)) == 1


@pytest.mark.parametrize("arguments", [("off",), ("sideways", *WHY)], ids=["no reason", "neither on nor off"])
def test_what_is_no_switch_is_refused(world, retrainer, arguments):
    said = retrainer(world, "switch", MODEL, *arguments)
    assert (said.status, said.out) == (2, "")


def test_an_unknown_model_is_refused_and_the_nearest_one_is_named(world, retrainer):
    said = retrainer(world, "switch", "flight_delai", "off", *WHY)
    assert said.status == 78
    assert "did you mean 'flight_delay'?" in said.err
