"""`retrainer show` and `history` of versions on trial and of a model that is switched off."""

import pytest

from retrainer.contracts import Action
from tests.unit.ledger.entries import MODEL, new_entry
from tests.worlds import World, small_config


@pytest.fixture
def world(tmp_path) -> World:
    """v1 of the model is in production."""
    world = World(tmp_path, small_config())
    world.ledger.append(new_entry("promote 1"), after=0)
    return world


def append(world: World, action: Action, version: int, **evidence: int) -> None:
    entries = world.ledger.entries(MODEL)
    entry = new_entry(f"{action} {len(entries)}", action=action, version=version)
    world.ledger.append(entry.model_copy(update={"evidence": evidence}), after=len(entries))


@pytest.mark.parametrize(
    ("action", "evidence", "state"),
    [
        ("split", {"percent": 10}, "on trial, it gets 10 % of the traffic"),
        ("split", {"percent": 0}, "never in production"),
        ("shadow", {}, "in the shadow, it answers unseen"),
    ],
)
def test_a_version_on_trial_says_so(world, retrainer, action, evidence, state):
    append(world, action, 2, **evidence)
    said = retrainer(world, "show", f"{MODEL}@2")
    assert said.out.splitlines()[0] == f"{MODEL} v2: {state}"
    assert retrainer(world, "history", MODEL).out.splitlines()[1].split()[3] == action


def test_the_champion_of_a_model_that_is_switched_off_says_so(world, retrainer):
    append(world, "switch_off", 1)
    said = retrainer(world, "show", MODEL)
    assert said.out.splitlines()[0].endswith(" UTC; switched off, the rule answers")
