"""What a decision may change in production."""

from datetime import UTC, datetime, timedelta

import pytest

from retrainer.config.declaration import Deployment
from retrainer.contracts import Decision
from retrainer.deployment import Champion, plan_release

AS_OF = datetime(2013, 7, 8, 4, tzinfo=UTC)


def decision(*, promote: bool, against: int | None) -> Decision:
    return Decision(
        promote=promote,
        reason="better than it" if promote else "worse than it",
        metric="roc_auc",
        reference="champion" if against else "baseline",
        champion_version=against,
        rows=1000,
        blocks=14,
        confidence=0.9,
    )


@pytest.mark.parametrize(
    ("promote", "against", "champion", "action", "words"),
    [
        (True, None, None, "promote", "better than it"),
        (True, 3, Champion(3, AS_OF - timedelta(days=7)), "promote", "better than it"),
        (False, 3, Champion(3, AS_OF - timedelta(days=7)), "reject", "worse than it"),
        (False, None, None, "reject", "worse than it"),
        (True, 3, Champion(4, AS_OF - timedelta(days=7)), "reject", "compared with v3, now v4"),
        (True, None, Champion(1, AS_OF - timedelta(days=7)), "reject", "compared with the baseline rule, now v1"),
        (True, 3, Champion(3, AS_OF), "reject", "never moves the champion backwards in time"),
        (True, 3, Champion(3, AS_OF + timedelta(days=7)), "reject", "never moves the champion backwards in time"),
    ],
    ids=[
        "first model",
        "better and newer",
        "not better",
        "first model not better than the rule",
        "champion changed during the run",
        "another first model came first",
        "same moment",
        "backfill of an older interval",
    ],
)
def test_only_a_better_and_newer_challenger_of_the_present_champion_is_promoted(
    promote, against, champion, action, words
):
    plan = plan_release(decision(promote=promote, against=against), champion, as_of=AS_OF, deployment=Deployment())
    assert plan.action == action
    assert words in plan.reason


def test_nothing_is_promoted_where_deployment_is_not_automatic():
    plan = plan_release(decision(promote=True, against=None), None, as_of=AS_OF, deployment=Deployment(automatic=False))
    assert plan.action == "reject"
    assert "deployment.automatic is false" in plan.reason
