"""The aliases follow the ledger: a killed run is finished quietly, a hand in the MLflow UI is set back and recorded."""

import logging
from unittest.mock import Mock

import pytest

from retrainer.errors import ConfigurationError, LedgerUnavailableError
from retrainer.steps.mirror import mirror


def run_mirror(releases) -> None:
    """What every run does at its end, whatever it decided."""
    ledger = releases.world.ledger
    mirror(ledger, releases.world.versions, decided=ledger.entries(releases.model)[-1])


def repairs(releases) -> list[str]:
    entries = releases.world.ledger.entries(releases.model)
    return [entry.reason for entry in entries if entry.action == "repair"]


def killed_before_the_aliases(releases, monkeypatch, act) -> None:
    """Run `act` without what follows its entry."""
    with monkeypatch.context() as patched:
        for module in ("release_finish", "rollback"):
            patched.setattr(f"retrainer.steps.{module}.mirror", lambda *_, **__: None)
        act()


@pytest.mark.parametrize(
    ("alias", "version", "reason"),
    [
        ("champion", 1, "alias champion named v1, the ledger says v3: set back"),
        ("champion", 4, "alias champion named v4, the ledger says v3: set back"),
        ("champion", None, "alias champion named nothing, the ledger says v3: set back"),
        ("previous", 3, "alias previous named v3, the ledger says v2: set back"),
        ("previous", None, "alias previous named nothing, the ledger says v2: set back"),
    ],
)
def test_an_alias_moved_by_hand_is_set_back_and_recorded_once(releases, caplog, alias, version, reason):
    releases.promote(3)
    releases.register(promote=False)
    versions = releases.world.versions
    versions.delete_alias(alias) if version is None else versions.set_alias(alias, version)
    with caplog.at_level(logging.WARNING, logger="retrainer"):
        run_mirror(releases)
    assert releases.aliases() == {"champion": 3, "previous": 2}
    assert repairs(releases) == [reason]
    assert reason in caplog.text
    for _ in range(3):
        run_mirror(releases)
    assert repairs(releases) == [reason]


def test_the_entry_of_a_repair_says_what_was_found_and_moves_nothing(releases):
    releases.promote(2)
    releases.world.versions.set_alias("champion", 1)
    run_mirror(releases)
    entry = releases.world.ledger.entries(releases.model)[-1]
    assert (entry.action, entry.actor, entry.version, entry.champion_version) == ("repair", "retrainer", 2, 2)
    assert entry.evidence == {"alias": "champion", "found": 1, "expected": 2}
    assert releases.now.champion == 2


def test_each_alias_that_was_moved_has_an_entry(releases):
    releases.promote(3)
    releases.world.versions.set_alias("champion", 1)
    releases.world.versions.set_alias("previous", 1)
    run_mirror(releases)
    assert repairs(releases) == [
        "alias champion named v1, the ledger says v3: set back",
        "alias previous named v1, the ledger says v2: set back",
    ]
    assert releases.aliases() == {"champion": 3, "previous": 2}


def test_the_same_hand_again_is_recorded_again(releases):
    releases.promote(2)
    for _ in range(2):
        releases.world.versions.set_alias("champion", 1)
        run_mirror(releases)
    assert len(repairs(releases)) == 2


@pytest.mark.parametrize("promote", [True, False], ids=["promotes", "rejects"])
def test_the_next_run_finds_it_whatever_it_decides(releases, promote):
    releases.promote(2)
    candidate = releases.register(promote=promote)
    releases.world.versions.set_alias("champion", 1)
    releases.deploy(candidate)
    assert repairs(releases) == ["alias champion named v1, the ledger says v2: set back"]
    assert releases.aliases()["champion"] == (3 if promote else 2)


def test_a_hand_that_foresaw_what_the_run_decides_is_found_all_the_same(releases):
    releases.promote(2)
    candidate = releases.register()
    releases.world.versions.set_alias("champion", candidate)
    releases.deploy(candidate)
    assert repairs(releases) == ["alias champion named v3, the ledger says v2: set back"]
    assert releases.aliases() == {"champion": 3, "previous": 2}


def test_a_rollback_finds_it_too(releases):
    releases.promote(3)
    releases.world.versions.set_alias("champion", 2)
    releases.rollback()
    assert repairs(releases) == ["alias champion named v2, the ledger says v3: set back"]
    assert releases.aliases() == {"champion": 2, "previous": 1}


def test_an_alias_where_nothing_is_in_production_is_taken_away_and_recorded(releases):
    releases.deploy(releases.register(promote=False))
    releases.world.versions.set_alias("champion", 1)
    run_mirror(releases)
    assert releases.aliases() == {}
    assert repairs(releases) == ["alias champion named v1, the ledger says nothing: set back"]


@pytest.mark.parametrize("act", ["deploy", "rollback"])
def test_a_run_killed_between_entry_and_alias_is_finished_by_the_next_and_is_nobodys_hand(releases, monkeypatch, act):
    releases.promote(2)
    candidate = releases.register()
    acts = {"deploy": lambda: releases.deploy(candidate), "rollback": releases.rollback}
    killed_before_the_aliases(releases, monkeypatch, acts[act])
    assert releases.aliases() == {"champion": 2, "previous": 1}
    run_mirror(releases)
    assert releases.aliases() == ({"champion": 3, "previous": 2} if act == "deploy" else {"champion": 1})
    assert repairs(releases) == []


def test_two_runs_killed_one_after_the_other_are_nobodys_hand(releases, monkeypatch):
    releases.promote(2)
    killed_before_the_aliases(releases, monkeypatch, lambda: releases.promote(1))
    killed_before_the_aliases(releases, monkeypatch, releases.rollback)
    run_mirror(releases)
    assert releases.aliases() == {"champion": 2, "previous": 1}
    assert repairs(releases) == []


def test_a_repair_that_was_killed_after_its_entry_is_finished_without_another(releases, monkeypatch):
    releases.promote(2)
    releases.world.versions.set_alias("champion", 1)
    with monkeypatch.context() as patched:
        patched.setattr("retrainer.steps.mirror._set_aliases", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run_mirror(releases)
    run_mirror(releases)
    assert releases.aliases() == {"champion": 2, "previous": 1}
    assert len(repairs(releases)) == 1


def test_the_challenger_is_no_longer_one_once_it_was_decided(releases):
    decided, undecided = releases.register(), releases.register()
    releases.world.versions.set_alias("challenger", undecided)
    releases.deploy(decided)
    assert releases.aliases() == {"champion": decided, "challenger": undecided}
    releases.deploy(undecided)
    assert releases.aliases() == {"champion": decided}


def test_a_champion_that_is_gone_from_the_registry_is_an_error_that_says_so(releases):
    releases.promote(2)
    releases.world.versions._client.delete_model_version(releases.model, "2")
    with pytest.raises(ConfigurationError, match=r"the ledger says that v2 of model_.* not in the MLflow registry"):
        run_mirror(releases)
    assert repairs(releases) == []


def test_a_previous_version_that_is_gone_leaves_no_alias_and_stops_nothing(releases, caplog):
    releases.promote(2)
    releases.world.versions._client.delete_model_version(releases.model, "1")
    for _ in range(2):
        run_mirror(releases)
    assert releases.aliases() == {"champion": 2}
    assert repairs(releases) == []
    assert "v1 is not in the MLflow registry: no alias previous" in caplog.text


def test_the_ledger_down_moves_no_alias(releases, monkeypatch):
    releases.promote(2)
    releases.world.versions.set_alias("champion", 1)
    ledger = releases.world.ledger
    decided = ledger.entries(releases.model)[-1]
    monkeypatch.setattr(ledger, "entries", Mock(side_effect=LedgerUnavailableError("the ledger failed")))
    with pytest.raises(LedgerUnavailableError):
        mirror(ledger, releases.world.versions, decided=decided)
    assert releases.aliases()["champion"] == 1


@pytest.mark.parametrize("text", ["", "soon", "999", "-1"])
def test_a_tag_that_makes_no_sense_leads_to_the_ledgers_aliases_all_the_same(releases, text):
    releases.promote(3)
    releases.world.versions.tag_model({"retrainer.ledger_sequence": text})
    releases.world.versions.set_alias("champion", 1)
    run_mirror(releases)
    assert releases.aliases() == {"champion": 3, "previous": 2}
