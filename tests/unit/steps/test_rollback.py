"""rollback: back one version, back another, forward by number; what is refused; who wins against a promotion."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from retrainer.contracts import NewEntry
from retrainer.errors import BadDataError, ConfigurationError, LedgerUnavailableError, UnsafeArtifactError
from retrainer.evaluation import predictions_of
from retrainer.registry import ARCHIVED
from retrainer.steps import deploy
from retrainer.steps import rollback as step
from tests.released import as_of


def test_back_to_the_previous_version_with_who_and_why_in_the_ledger(releases):
    releases.promote(3)
    release = releases.rollback(reason=" complaints from the gate ", actor="ada")
    assert (release.action, release.version, release.champion_version, release.previous_version) == (
        "rollback",
        2,
        2,
        1,
    )
    assert releases.aliases() == {"champion": 2, "previous": 1}
    entry = releases.world.ledger.entries(releases.model)[-1]
    assert (entry.actor, entry.reason, entry.as_of) == ("ada", "complaints from the gate", as_of(2))
    assert (entry.evidence["from"], entry.evidence["to"]) == (3, 2)
    assert len(entry.evidence["checks"]) == 3


def test_twice_goes_back_two_versions_and_not_back_and_forth(releases):
    releases.promote(3)
    releases.rollback(run_id="one")
    release = releases.rollback(run_id="two")
    assert (release.champion_version, release.previous_version) == (1, None)
    assert releases.aliases() == {"champion": 1}
    assert releases.now.barred == {2, 3}


def test_forward_again_by_number(releases):
    releases.promote(3)
    releases.rollback(run_id="one")
    releases.rollback(3, run_id="two")
    assert releases.aliases() == {"champion": 3, "previous": 2}
    assert releases.now.barred == frozenset()


def test_a_version_that_no_run_promoted_can_be_chosen(releases):
    releases.promote()
    rejected = releases.register(promote=False)
    releases.deploy(rejected)
    releases.promote()
    releases.rollback(rejected)
    assert releases.aliases() == {"champion": 2, "previous": 1}


def test_the_same_run_again_moves_nothing_further(releases):
    releases.promote(3)
    first = releases.rollback(run_id="cleared")
    releases.world.versions.delete_alias("previous")
    assert releases.rollback(run_id="cleared") == first
    assert releases.aliases() == {"champion": 2, "previous": 1}


def test_what_was_rolled_away_from_is_not_promoted_again_nor_is_its_night(releases):
    releases.promote(2)
    releases.rollback()
    twin = releases.register()
    request = releases.deploy_request(twin)
    same_night = request.model_copy(update={"as_of": as_of(2)})
    rejected = deploy.run(same_night, releases.world.settings)
    assert rejected.action == "reject"
    assert "never moves the champion backwards in time" in rejected.reason
    assert releases.deploy(releases.register()).action == "promote"


def test_a_run_that_compared_with_the_version_rolled_away_from_is_rejected(releases):
    releases.promote(2)
    in_flight = releases.register()
    releases.rollback()
    release = releases.deploy(in_flight)
    assert (release.action, release.champion_version) == ("reject", 1)
    assert "the champion changed during the run: compared with v2, now v1" in release.reason


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        (9, "there is no v9 in the MLflow registry"),
        (3, "v3 is in production already"),
        (1, "v1 is archived: its files are deleted"),
    ],
    ids=["no such version", "champion", "archived"],
)
def test_a_version_that_cannot_be_put_in_production_is_refused(releases, target, problem):
    releases.promote(3)
    releases.register(promote=False)
    releases.append("archive", 1)
    before = releases.actions()
    with pytest.raises(ConfigurationError) as refused:
        releases.rollback(target)
    assert str(refused.value) == f"{releases.model} was not rolled back: {problem}. Would do: v2 (previous), v4"
    assert refused.value.exit_status == 78
    assert releases.actions() == before
    assert releases.aliases() == {"champion": 3, "previous": 2}


def test_a_version_whose_tag_says_archived_is_refused(releases):
    releases.promote(2)
    releases.world.versions.tag(1, {ARCHIVED: "2026-11-21T00:00:00+00:00"})
    with pytest.raises(ConfigurationError, match=r"v1 is archived: its files are deleted\. No other version would do"):
        releases.rollback()


def test_without_a_previous_version_the_refusal_names_the_others(releases):
    releases.promote()
    releases.register(promote=False)
    with pytest.raises(ConfigurationError, match=r"there is no previous version\. Would do: v2$"):
        releases.rollback()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"reason": " "}, "a rollback needs reason: a text of 1 to 2000 characters, got ' '"),
        ({"reason": None}, "a rollback needs reason"),
        ({"reason": "x" * 2001}, "reason of a rollback must have at most 2000 characters, got 2001"),
        ({"actor": ""}, "a rollback needs actor"),
        ({"target": "latest"}, "target of a rollback must be previous or the number of a version, got 'latest'"),
        ({"target": 0}, "got 0"),
        ({"target": True}, "got True"),
    ],
)
def test_a_form_that_is_wrong_is_refused(releases, params, message):
    request = releases.rollback_request()
    request = request.model_copy(update={"params": request.params | params})
    with pytest.raises(ConfigurationError) as refused:
        step.run(request, releases.world.settings)
    assert message in str(refused.value)


def changed_digest(releases, number):
    releases.world.versions.tag(number, {"retrainer.artifact_digest": "0" * 64})


def test_a_version_whose_digest_in_the_registry_is_not_the_ledgers_is_never_loaded(releases, monkeypatch):
    releases.promote(3)
    changed_digest(releases, 2)
    monkeypatch.setattr("retrainer.steps.reproduce.load_model", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(UnsafeArtifactError, match=r"the registry says .* 0000.* the ledger .*\. Would do: v1$"):
        releases.rollback()
    assert releases.aliases() == {"champion": 3, "previous": 2}


def test_a_version_whose_files_are_not_the_registered_ones_is_refused(releases):
    releases.promote()
    changed = releases.register(promote=False)
    changed_digest(releases, changed)
    with pytest.raises(UnsafeArtifactError, match="was changed after it was registered"):
        releases.rollback(changed)
    assert releases.actions() == [("promote", 1)]


def test_a_version_registered_by_hand_is_refused(releases):
    releases.promote()
    by_hand = releases.world.versions.register(
        source=releases.trained.model_uri, run_id=releases.trained.run_id, identity="by hand", tags={}, description=""
    )
    with pytest.raises(UnsafeArtifactError, match="was not registered by Retrainer"):
        releases.rollback(by_hand.version)


@pytest.mark.parametrize(
    ("name", "answer", "kind", "message"),
    [
        ("predictions_of", None, UnsafeArtifactError, "does not predict what it did when it was trained"),
        ("canonical_failures", ["'short hop' gives 0.9, expected at most 0.5"], BadDataError, "'short hop' gives 0.9"),
    ],
    ids=["sample", "canonical inputs"],
)
def test_a_version_that_does_not_reproduce_its_outputs_is_refused(releases, monkeypatch, name, answer, kind, message):
    def wrong(pipeline, rows):
        good = predictions_of(pipeline, rows)
        return replace(good, output=good.output + 1e-9)

    releases.promote(3)
    replacement = wrong if answer is None else lambda *_: answer
    monkeypatch.setattr(f"retrainer.steps.reproduce.{name}", replacement)
    with pytest.raises(kind, match=message) as refused:
        releases.rollback()
    assert "Would do: v1" in str(refused.value)
    assert refused.value.exit_status == 78
    assert releases.actions()[-1] == ("promote", 3)
    assert releases.aliases() == {"champion": 3, "previous": 2}


def test_a_promotion_that_comes_first_does_not_change_where_to(releases, monkeypatch):
    releases.promote(2)
    newcomer = releases.register()
    check = step.check_reproduces

    def slow(version, **options):
        monkeypatch.setattr(step, "check_reproduces", check)
        assert releases.deploy(newcomer).action == "promote"
        return check(version, **options)

    monkeypatch.setattr(step, "check_reproduces", slow)
    release = releases.rollback()
    assert (release.version, release.champion_version) == (1, 1)
    assert releases.now.barred == {2, newcomer}
    entry = releases.world.ledger.entries(releases.model)[-1]
    assert (entry.evidence["seen"], entry.evidence["from"], entry.evidence["to"]) == (2, newcomer, 1)
    assert releases.aliases() == {"champion": 1}


def test_a_version_archived_while_it_was_checked_is_refused(releases, monkeypatch):
    releases.promote(3)
    check = step.check_reproduces

    def slow(version, **options):
        releases.append("archive", version.version)
        return check(version, **options)

    monkeypatch.setattr(step, "check_reproduces", slow)
    with pytest.raises(ConfigurationError, match="v2 is archived"):
        releases.rollback()
    assert releases.aliases() == {"champion": 3, "previous": 2}


def test_of_a_rollback_and_promotions_at_once_the_rollback_is_never_lost(releases):
    releases.promote(2)
    candidates = [releases.register() for _ in range(4)]
    start = threading.Barrier(5)

    def at_once(action):
        start.wait()
        return action()

    actions = [releases.rollback, *(lambda number=each: releases.deploy(number) for each in candidates)]
    with ThreadPoolExecutor(max_workers=5) as pool:
        results = list(pool.map(at_once, actions))
    assert (results[0].action, results[0].version) == ("rollback", 1)
    assert [entry.sequence for entry in releases.world.ledger.entries(releases.model)] == list(range(1, 8))
    assert sum(release.action == "promote" for release in results[1:]) <= 1
    assert releases.now.champion == 1
    assert releases.aliases() == {"champion": 1}


def test_the_ledger_down_is_retryable_and_moves_nothing(releases):
    releases.promote(2)
    down = releases.world.settings.model_copy(update={"ledger_url": "postgresql+psycopg://me@127.0.0.1:9/ledger"})
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'retrainer[postgres]'")
    with pytest.raises(LedgerUnavailableError) as failed:
        step.run(releases.rollback_request(), down)
    assert failed.value.exit_status == 1
    assert releases.aliases() == {"champion": 2, "previous": 1}


def test_a_ledger_that_fails_at_the_entry_leaves_the_aliases(releases, monkeypatch):
    releases.promote(2)

    def down(self, entry: NewEntry, *, after: int):
        raise LedgerUnavailableError("the ledger failed")

    with monkeypatch.context() as patched:
        patched.setattr("retrainer.ledger.Ledger.append", down)
        with pytest.raises(LedgerUnavailableError):
            releases.rollback()
    assert releases.aliases() == {"champion": 2, "previous": 1}
    assert releases.rollback().version == 1
