"""What a decision may change in production."""

from datetime import UTC, datetime, timedelta

import pytest

from retrainer.config.declaration import Deployment
from retrainer.config.serving import Serving
from retrainer.contracts import Approval, Decision
from retrainer.deployment import Challenger, Standing, plan_release, way_of

AS_OF = datetime(2013, 7, 8, 4, tzinfo=UTC)
WEEK = timedelta(days=7)
NONE = Standing()
V3 = Standing(sequence=5, stack=(1, 3), trained_until=AS_OF - WEEK)
ROLLED_BACK = Standing(sequence=6, stack=(1,), barred=frozenset({3}), trained_until=AS_OF)
NEEDS_APPROVAL = Deployment(approval="required")


def challenger(
    *, promote: bool = True, against: int | None = None, version: int = 4, backfilled: bool = False
) -> Challenger:
    decision = Decision(
        promote=promote,
        reason="better than it" if promote else "worse than it",
        metric="roc_auc",
        reference="champion" if against else "baseline",
        champion_version=against,
        rows=1000,
        blocks=14,
        confidence=0.9,
    )
    return Challenger(version, AS_OF, decision, backfilled=backfilled)


@pytest.mark.parametrize(
    ("candidate", "now", "action", "words"),
    [
        (challenger(), NONE, "promote", "better than it"),
        (challenger(against=3), V3, "promote", "better than it"),
        (challenger(promote=False, against=3), V3, "reject", "worse than it"),
        (challenger(promote=False), NONE, "reject", "worse than it"),
        (challenger(against=1), V3, "reject", "compared with v1, now v3"),
        (challenger(), V3, "reject", "compared with the baseline rule, now v3"),
        (challenger(against=3), NONE, "reject", "compared with v3, now none"),
        (challenger(against=3), Standing(5, (1, 3), trained_until=AS_OF), "reject", "never moves the champion back"),
        (challenger(against=3), Standing(5, (1, 3), trained_until=AS_OF + WEEK), "reject", "never moves the champion"),
        (challenger(against=1), ROLLED_BACK, "reject", "trained as of 2013-07-08 04:00 UTC has been in production"),
        (challenger(against=1, version=3), ROLLED_BACK, "reject", "v3 was rolled away from"),
        (challenger(against=3), Standing(5, (3,), archived=frozenset({4})), "reject", "v4 is archived"),
    ],
    ids=[
        "first model",
        "better and newer",
        "not better",
        "first model not better than the rule",
        "champion changed during the run",
        "another first model came first",
        "rolled back during the run",
        "same moment",
        "backfill of an older interval",
        "the night of the version that was rolled away from",
        "the version that was rolled away from",
        "archived",
    ],
)
def test_only_a_better_and_newer_challenger_of_the_present_champion_is_promoted(candidate, now, action, words):
    plan = plan_release(candidate, now, deployment=Deployment())
    assert plan.action == action
    assert words in plan.reason


def test_after_a_rollback_a_run_that_looked_further_is_promoted():
    now = Standing(6, (1,), barred=frozenset({3}), trained_until=AS_OF - timedelta(seconds=1))
    assert plan_release(challenger(against=1), now, deployment=Deployment()).action == "promote"


def test_nothing_is_promoted_where_deployment_is_not_automatic():
    plan = plan_release(challenger(), NONE, deployment=Deployment(automatic=False))
    assert plan.action == "reject"
    assert "deployment.automatic is false" in plan.reason


@pytest.mark.parametrize(
    ("approval", "action", "reason"),
    [
        (Approval(asked=True, approved=True, by="ada", at=AS_OF), "promote", "better than it"),
        (None, "reject", "a promotion of this model needs approval, and no answer came to deploy"),
        (
            Approval(asked=True, approved=False, by="ada", at=AS_OF),
            "reject",
            "ada rejected it on 2013-07-08 at 04:00 UTC",
        ),
        (
            Approval(asked=True, approved=False, by="ada", at=AS_OF, message="not before the holidays"),
            "reject",
            "ada rejected it on 2013-07-08 at 04:00 UTC: not before the holidays",
        ),
        (Approval(asked=True, approved=False), "reject", "nobody approved it in time"),
        (
            Approval(asked=False, approved=False, message="backfilled runs do not deploy a model that needs approval"),
            "reject",
            "backfilled runs do not deploy a model that needs approval",
        ),
        (
            Approval(asked=False, approved=True, by="ada"),
            "reject",
            "a promotion of this model needs approval, and nobody was asked",
        ),
        (Approval(asked=True, approved=True), "reject", "the approval does not say who gave it"),
    ],
    ids=[
        "approved",
        "no answer came",
        "rejected",
        "rejected with a reason",
        "timed out",
        "backfill",
        "not asked yet approved",
        "nobody",
    ],
)
def test_where_approval_is_required_only_a_persons_yes_promotes(approval, action, reason):
    plan = plan_release(challenger(), NONE, deployment=NEEDS_APPROVAL, approval=approval)
    assert (plan.action, plan.reason) == (action, reason)


def test_an_answer_does_not_promote_what_was_not_shown_to_be_better():
    yes = Approval(asked=True, approved=True, by="ada")
    plan = plan_release(challenger(promote=False), NONE, deployment=NEEDS_APPROVAL, approval=yes)
    assert (plan.action, plan.reason) == ("reject", "worse than it")


def test_no_answer_is_needed_where_no_approval_is_required():
    assert plan_release(challenger(), NONE, deployment=Deployment()).action == "promote"


@pytest.mark.parametrize(
    ("release", "now", "way"),
    [
        (None, V3, "direct"),
        ("direct", V3, "direct"),
        ("canary", V3, "canary"),
        ("shadow", V3, "shadow"),
        ("canary", NONE, "direct"),
        ("shadow", NONE, "direct"),
        ("canary", Standing(5, (1, 3), off=True), "direct"),
    ],
    ids=["not served", "direct", "canary", "shadow", "first canary", "first shadow", "switched off"],
)
def test_a_trial_needs_a_champion_that_answers(release, now, way):
    serving = None if release is None else Serving(release=release)
    assert way_of(serving, now) == way


@pytest.mark.parametrize(
    ("release", "backfilled", "action"),
    [("direct", True, "promote"), ("canary", True, "reject"), ("shadow", True, "reject"), ("canary", False, "promote")],
)
def test_a_backfilled_run_puts_nothing_on_trial(release, backfilled, action):
    candidate = challenger(against=3, backfilled=backfilled)
    plan = plan_release(candidate, V3, deployment=Deployment(), serving=Serving(release=release))
    assert plan.action == action
    if action == "reject":
        assert plan.reason == (
            f"backfilled runs put no version on trial, and serving.release is {release}; "
            "otherwise tried: better than it"
        )
