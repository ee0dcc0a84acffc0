"""shadow_review on a real log of predictions and a real snapshot: verdicts, their release, and what is left alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from retrainer.config.serving import Serving
from retrainer.config.serving import ShadowReview as ReviewSettings
from retrainer.errors import UnsafeArtifactError
from retrainer.steps import shadow_review as step
from tests.live import log_predictions, scores
from tests.unit.steps.shadow_review.trial import BETTER, FLIGHTS, GOOD, NO_IDEA, SERVING, log_both, request_of, review
from tests.worlds import run_killed


def test_a_version_that_is_better_on_live_traffic_is_promoted_and_served(served, server):
    log_both(served, shadow=BETTER)
    found = review(served)
    assert (found.verdict, found.action, found.version, found.champion_version) == ("promote", "promote", 3, 3)
    assert (found.pairs, found.labelled, found.metric) == (480, 480, "roc_auc")
    assert found.shadow_value > found.champion_value
    assert found.low > 0
    assert found.reason.startswith("on 241 live predictions with a label (look 1): better than champion v2: roc_auc ")
    assert found.served is True
    assert served.actions()[2:] == [("shadow", 3), ("promote", 3)]
    assert served.aliases() == {"champion": 3, "previous": 2}
    assert server.status(served.model).champion.version == 3


def test_its_entry_says_who_decided_and_on_what(served):
    log_both(served, shadow=BETTER)
    found = review(served)
    entry = served.world.ledger.entries(served.model)[-1]
    assert (entry.sequence, entry.actor, entry.reason) == (
        found.sequence,
        "shadow review, airflow run a review",
        found.reason,
    )
    assert entry.evidence["review"]["pairs"] == 480
    assert entry.evidence["decision"]["promote"] is True
    assert entry.evidence["artifact_digest"] == served.trained.artifact_digest
    assert "verdict" not in entry.evidence


def test_a_version_that_is_shown_to_be_worse_is_rejected(served, server):
    log_both(served, shadow=NO_IDEA)
    found = review(served)
    assert (found.verdict, found.action, found.champion_version, found.served) == ("reject", "reject", 2, True)
    assert "worse than champion v2" in found.reason
    assert found.high < 0
    assert served.now.shadow is None
    assert server.status(served.model).shadow is None
    assert served.aliases() == {"champion": 2, "previous": 1}


def test_what_is_not_known_yet_writes_nothing_and_the_version_stays_in_the_shadow(served):
    log_both(served, shadow=scores(FLIGHTS, signal=2, seed=9))
    found = review(served)
    assert (found.verdict, found.action, found.sequence) == ("unknown", None, None)
    assert "not shown to be better than champion v2" in found.reason
    assert served.actions()[2:] == [("shadow", 3)]
    assert served.now.shadow == 3


def test_labels_count_from_when_they_are_known(served):
    log_both(served, shadow=BETTER)
    early = review(served, days=3)
    assert (early.verdict, early.pairs, early.labelled) == ("unknown", 480, 180)
    assert early.reason == (
        "not known yet: 480 predictions were made by both, 180 of rows that have a label by now; "
        "at least 200 of 5 blocks are needed"
    )
    assert early.agreement is not None
    assert early.shadow_p95_ms == pytest.approx(1.0)
    assert review(served).verdict == "promote"


def test_only_what_both_said_of_the_same_request_since_the_trial_began_counts(served):
    log_both(served, shadow=NO_IDEA, at=datetime.now(UTC) - timedelta(days=2), prefix="before the trial")
    log_predictions(served.world, FLIGHTS, NO_IDEA, version=3, source="model", prefix="not in the shadow")
    log_predictions(served.world, FLIGHTS, NO_IDEA, version=1, source="model", prefix="an older champion")
    log_predictions(served.world, FLIGHTS, NO_IDEA, version=3, source="shadow", prefix="an older champion")
    log_predictions(served.world, FLIGHTS, NO_IDEA, version=2, source="model", prefix="dropped from the shadow")
    log_both(served, shadow=BETTER)
    found = review(served)
    assert (found.verdict, found.pairs) == ("promote", 480)


def test_a_flight_counts_once_with_its_first_prediction(served):
    log_both(served, shadow=BETTER)
    for again in range(3):
        later = datetime.now(UTC) + timedelta(minutes=5)
        log_both(served, shadow=NO_IDEA, champion=BETTER, at=later, prefix=f"again {again}")
    found = review(served)
    assert (found.verdict, found.pairs, found.labelled) == ("promote", 4 * 480, 480)


def test_a_version_that_is_too_slow_is_rejected(served):
    log_predictions(served.world, FLIGHTS, GOOD, version=2, source="model")
    log_predictions(served.world, FLIGHTS, BETTER, version=3, source="shadow", seconds=0.25)
    found = review(served)
    assert (found.verdict, found.action) == ("reject", "reject")
    assert found.reason == "latency: p95 250.0 ms, the champion's 1.0 ms, at most 100 ms is allowed"


def test_a_version_that_differs_more_often_than_it_may_is_rejected(served, server):
    strict = SERVING.model_copy(update={"review": ReviewSettings(min_rows=200, max_disagreement=0.05, tolerance=0.1)})
    model = served.served(strict, server.url)
    log_both(model, shadow=BETTER)
    found = review(model)
    assert (found.verdict, found.gates[0].name, found.gates[0].passed) == ("reject", "agreement", False)


@pytest.mark.parametrize("missing", ["log", "snapshot of those days"])
def test_without_predictions_or_labels_nothing_is_known(served, missing):
    if missing == "log":
        found = review(served)
        assert (found.verdict, found.pairs, found.labelled) == ("unknown", 0, 0)
    else:
        log_both(served, shadow=BETTER)
        found = review(served, days=-30)
        assert (found.verdict, found.pairs, found.labelled) == ("unknown", 480, 0)


def test_a_version_that_the_server_refuses_in_the_end_is_rolled_back(served, server):
    log_both(served, shadow=BETTER)
    server.counted = lambda version, now: {"requests": 100, "errors": 50} if now.champion == 3 else {}
    found = review(served)
    assert (found.verdict, found.action, found.champion_version) == ("promote", "rollback", 2)
    assert found.reason.startswith("back from v3: it broke its service level: 50 of 100 requests failed")
    assert served.aliases() == {"champion": 2, "previous": 1}


def test_a_version_that_was_tampered_with_in_the_shadow_is_not_promoted(served):
    log_both(served, shadow=BETTER)
    served.world.versions.tag(3, {"retrainer.artifact_digest": "0" * 64})
    with pytest.raises(UnsafeArtifactError, match="the registry says"):
        review(served)
    assert served.actions()[2:] == [("shadow", 3)]


def test_the_same_run_again_is_the_same_release_and_another_run_finds_nothing_to_review(served):
    log_both(served, shadow=BETTER)
    first = review(served)
    assert review(served) == first
    other = review(served, run_id="the next night")
    assert (other.verdict, other.version, other.action) == ("unknown", None, None)
    assert other.reason == "no version is in the shadow: entry 4 decided about the last one"
    assert len(served.actions()) == 4


@pytest.mark.parametrize(
    "at",
    [
        "after retrainer.ledger:Ledger.append",
        "before retrainer.steps.release_server:Follower.carried_out",
        "after mlflow:MlflowClient.set_registered_model_alias",
    ],
)
def test_a_review_that_is_killed_is_finished_by_its_retry(served, at):
    log_both(served, shadow=BETTER)
    assert run_killed(served.world, request_of(served), at=at) == -9
    found = review(served)
    assert (found.verdict, found.action, found.served) == ("promote", "promote", True)
    assert served.actions()[2:] == [("shadow", 3), ("promote", 3)]
    assert served.aliases() == {"champion": 3, "previous": 2}


def test_a_person_who_rolls_back_ends_the_trial_without_a_review(served):
    log_both(served, shadow=BETTER)
    served.rollback()
    found = review(served)
    assert (found.verdict, found.reason) == (
        "unknown",
        "no version is in the shadow: v1 came into production meanwhile",
    )


def test_a_rollback_that_comes_during_the_review_wins(served, monkeypatch):
    log_both(served, shadow=BETTER)
    judge = step.judge

    def judge_and_be_late(*args: Any, **options: Any) -> Any:
        served.rollback()
        return judge(*args, **options)

    monkeypatch.setattr(step, "judge", judge_and_be_late)
    found = review(served)
    assert (found.verdict, found.reason) == ("unknown", f"v3 of {served.model} is not on trial any more, now v1")
    assert served.actions()[-1] == ("rollback", 1)


def test_a_newer_version_in_the_shadow_is_reviewed_on_its_own_predictions(served):
    log_both(served, shadow=BETTER)
    served.deploy(served.register())
    found = review(served)
    assert (found.version, found.verdict, found.pairs) == (4, "unknown", 0)


@pytest.mark.parametrize("why", ["backfill", "not served", "not logged", "never in the shadow"])
def test_where_there_is_nothing_to_review_it_says_why(served, releases, server, why):
    log_both(served, shadow=BETTER)
    model, params = served, {}
    if why == "backfill":
        params = {"backfill": True}
    elif why == "not served":
        model = served.served(None, server.url)
    elif why == "not logged":
        model = served.served(Serving(log_predictions=False), server.url)
    else:
        model = replace(
            releases, world=replace(served.world, config=served.world.config.model_copy(update={"name": "x"}))
        )
    found = review(model, **params)
    reasons = {
        "backfill": "backfilled runs decide nothing about what the model server answers with",
        "not served": "the declaration has no section serving: no server answers for the model",
        "not logged": "serving.log_predictions is false: there is nothing to compare",
        "never in the shadow": "no version has been in the shadow yet",
    }
    assert (found.verdict, found.action, found.reason) == ("unknown", None, reasons[why])
    assert served.now.shadow == 3
