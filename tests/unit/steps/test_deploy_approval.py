"""deploy where the declaration asks for approval: no yes, no promotion; a yes is an entry in the person's name."""

from datetime import UTC, datetime

import pytest

from retrainer.contracts import Approval
from retrainer.errors import LedgerConflictError, UnsafeArtifactError
from retrainer.ledger import Ledger
from tests.released import Releases
from tests.worlds import World

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
YES = Approval(asked=True, approved=True, by="ada", at=AT, message="looked at the slices")


@pytest.fixture
def guarded(releases) -> Releases:
    """A model whose declaration asks for approval."""
    config = releases.world.config
    deployment = config.deployment.model_copy(update={"approval": "required"})
    world = World(releases.world.home, config.model_copy(update={"deployment": deployment}))
    return Releases(world, releases.trained)


def test_what_was_approved_is_promoted_after_an_entry_in_the_persons_name(guarded):
    release = guarded.deploy(guarded.register(), approval=YES)
    approve, promote = guarded.world.ledger.entries(guarded.model)
    assert (approve.action, approve.actor, approve.reason) == ("approve", "ada", "looked at the slices")
    assert (approve.version, approve.champion_version) == (1, None)
    assert (promote.action, promote.sequence, promote.champion_version) == ("promote", release.sequence, 1)
    assert promote.evidence["approval"] == YES.model_dump(mode="json")
    assert guarded.aliases() == {"champion": 1}


def test_the_evidence_of_a_release_names_all_that_it_rests_on(guarded):
    guarded.deploy(guarded.register(), approval=YES)
    evidence = guarded.world.ledger.entries(guarded.model)[-1].evidence
    assert set(evidence) == {
        *("decision", "run_id", "run_url", "report_url", "card_url", "version_url", "artifact_digest", "approval"),
    }
    assert evidence["artifact_digest"] == guarded.trained.artifact_digest
    assert evidence["version_url"] == "mlflow/v1"


@pytest.mark.parametrize(
    ("approval", "reason"),
    [
        (None, "a promotion of this model needs approval, and no answer came to deploy"),
        (
            Approval(asked=False, approved=False, message="backfilled runs do not deploy a model that needs approval"),
            "backfilled runs do not deploy a model that needs approval",
        ),
        (Approval(asked=True, approved=False, by="ada", at=AT), "ada rejected it on 2026-11-21 at 09:30 UTC"),
        (Approval(asked=True, approved=False), "nobody approved it in time"),
    ],
    ids=["no answer", "backfill", "no", "time-out"],
)
def test_without_a_yes_the_challenger_is_rejected_and_the_entry_says_why(guarded, approval, reason):
    release = guarded.deploy(guarded.register(), approval=approval)
    assert (release.action, release.reason) == ("reject", reason)
    assert guarded.actions() == [("reject", 1)]
    assert guarded.aliases() == {}


def test_a_run_that_was_killed_between_approval_and_promotion_goes_on_there(guarded, monkeypatch):
    number, append = guarded.register(), Ledger.append

    def dies_at_the_promotion(self, entry, *, after):
        if entry.action == "promote":
            raise KeyboardInterrupt
        return append(self, entry, after=after)

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "append", dies_at_the_promotion)
        with pytest.raises(KeyboardInterrupt):
            guarded.deploy(number, approval=YES)
    assert guarded.actions() == [("approve", 1)]
    guarded.deploy(number, approval=YES)
    assert guarded.actions() == [("approve", 1), ("promote", 1)]


def test_an_approval_that_comes_after_the_champion_changed_is_told_so(guarded):
    waiting, other = guarded.register(), guarded.register()
    guarded.deploy(other, approval=YES)
    release = guarded.deploy(waiting, approval=YES)
    assert release.action == "reject"
    assert "the champion changed during the run: compared with the baseline rule, now v2" in release.reason
    assert guarded.actions() == [("approve", 2), ("promote", 2), ("reject", 1)]


def test_an_approved_version_whose_record_was_tampered_with_is_neither_loaded_nor_promoted(guarded):
    number = guarded.register()
    guarded.world.versions.tag(number, {"retrainer.artifact_digest": "0" * 64})
    with pytest.raises(UnsafeArtifactError, match="the registry says"):
        guarded.deploy(number, approval=YES)
    assert guarded.actions() == []


def test_the_ledger_that_is_contended_for_ever_is_told_and_moves_nothing(guarded, monkeypatch):
    number = guarded.register()

    def too_late(self, entry, *, after):
        raise LedgerConflictError("another release came first")

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "append", too_late)
        with pytest.raises(LedgerConflictError) as told:
            guarded.deploy(number, approval=YES)
    assert told.value.exit_status == 1
    assert guarded.aliases() == {}
