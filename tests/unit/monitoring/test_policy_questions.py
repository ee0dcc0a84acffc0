"""The policy: when a person is asked instead, what the answers do, and what is not the training runs' business."""

from datetime import UTC, datetime

import pytest

from retrainer.contracts import Interval
from retrainer.monitoring.episode import intervals_after
from tests.unit.monitoring.played import DISTANCE, PREDICTION, SERVICE, WARNING, Played, day, finding, settings


def test_where_retraining_is_not_automatic_a_person_is_asked():
    played = Played(config=settings(automatic=False))
    plan = played.monitor(1, DISTANCE)
    assert (plan.verdict, plan.action, plan.train_run_id) == ("severe", "ask", "monitor__1__2013-05-01T04:00:00Z")
    assert "please decide" in played.alerts[0].text


def test_drift_of_the_predictions_with_none_in_the_features_is_asked_about(played):
    plan = played.monitor(1, PREDICTION)
    assert (plan.verdict, plan.action) == ("unexplained", "ask")
    assert plan.reason == "the predictions have changed and no feature has"
    assert played.course == ["opened", "asked"]


def test_a_feature_that_is_only_recorded_explains_the_predictions(played):
    plan = played.monitor(1, PREDICTION, finding("distance", severity="ignore"))
    assert (plan.verdict, plan.action) == ("warn", "none")


def test_no_improvement_by_the_new_version_is_asked_about(played):
    plan = played.fire_on_the_first_day()
    played.finish(plan, "promote", version=2)
    played.monitor(2)
    plan = played.monitor(4, DISTANCE)
    assert (plan.verdict, plan.action, plan.episode) == ("unexplained", "ask", 1)
    assert plan.reason == "v2, retrained because of it, shows the same again: feature distance"


def test_something_else_about_the_new_version_is_no_puzzle(played):
    plan = played.fire_on_the_first_day()
    played.finish(plan, "promote", version=2)
    played.monitor(2)
    plans = [played.monitor(number, finding("carrier")) for number in (4, 5, 6)]
    assert [each.action for each in plans] == ["none", "none", "retrain"]


def test_a_question_is_asked_once_until_it_is_answered(played):
    plans = [played.monitor(number, PREDICTION) for number in range(1, 9)]
    assert [plan.action for plan in plans] == ["ask"] + ["none"] * 7
    assert plans[-1].reason.startswith("asked about 2013-05-01 04:00, and nobody has answered yet")
    assert played.course == ["opened", "asked"]


def test_while_a_question_is_open_nothing_is_fired(played):
    played.monitor(1, PREDICTION)
    assert played.monitor(2, PREDICTION, DISTANCE).action == "none"


def test_the_answer_retrain_fires_the_run_that_was_asked_about(played):
    plan = played.monitor(1, PREDICTION)
    answered, fired = played.answer("retrain", newest=2, note="new sensors")
    assert (answered.details["answer"], answered.details["by"], answered.details["note"]) == (
        *("retrain", "ada", "new sensors"),
    )
    assert fired.details["run_id"] == plan.train_run_id == "monitor__1__2013-05-01T04:00:00Z"
    assert fired.details["as_of"] == day(1).end.isoformat()
    assert played.monitor(3, PREDICTION).reason == f"run {plan.train_run_id} has no result yet"
    played.finish(plan, "reject", version=2)
    assert played.monitor(4, PREDICTION).reason.startswith("v2, retrained because of this, was rejected")


def test_an_answer_given_twice_is_the_first_one(played):
    played.monitor(1, PREDICTION)
    first = played.answer("retrain", newest=2)
    assert played.answer("hold", newest=3, by="grace") == first
    assert played.course == ["opened", "asked", "answered", "fired"]


def test_an_answer_after_the_end_of_the_episode_fires_nothing(played):
    played.monitor(1, PREDICTION)
    played.monitor(2)
    assert [event.event for event in played.answer("retrain", newest=2)] == ["answered"]


def test_an_answer_while_another_run_is_in_flight_fires_nothing(played):
    played.monitor(1, PREDICTION)
    played.monitor(2)
    played.monitor(3, DISTANCE)
    assert [event.event for event in played.answer("retrain", newest=3)] == ["answered"]


def test_the_answer_hold_holds_until_something_new_happens(played):
    played.monitor(1, PREDICTION)
    played.answer("hold", newest=1)
    plan = played.monitor(2, PREDICTION)
    assert (plan.action, plan.reason) == ("none", "held by ada until the episode ends or something new happens")
    assert played.monitor(3, PREDICTION, DISTANCE).action == "retrain"


@pytest.mark.parametrize(
    ("action", "reason"),
    [("promote", "v7, which has learned from this interval too, was promoted already"), ("reject", "rejected already")],
)
def test_nothing_is_fired_where_a_training_has_looked_at_the_interval_already(played, action, reason):
    played.enter(action, 7, as_of=day(1).end)
    plan = played.monitor(1, DISTANCE)
    assert plan.action == "none"
    assert reason in plan.reason


@pytest.mark.parametrize("how", ["backfilled", "older than another"])
def test_a_backfill_writes_tells_and_fires_nothing(played, how):
    if how == "older than another":
        played.monitor(9, WARNING)
    before = (played.course, played.told)
    plan = played.monitor(8, DISTANCE, PREDICTION, is_backfill=how == "backfilled")
    assert (plan.verdict, plan.action, plan.events, plan.alerts, plan.train_run_id) == ("severe", "none", (), (), "")
    assert (played.course, played.told) == before


def test_where_nothing_can_be_judged_no_episode_begins_or_ends(played):
    played.monitor(1, WARNING)
    plan = played.monitor(2, judged=frozenset())
    assert (plan.verdict, plan.action, plan.episode) == ("not_known", "none", 1)
    assert played.monitor(3, DISTANCE, judged=frozenset({"service"})).action == "none"
    assert played.course == ["opened"]


def test_the_server_has_episodes_of_its_own_and_is_never_retrained_for(played):
    plan = played.monitor(1, finding("p95_ms", about="service"), WARNING)
    assert (plan.verdict, plan.action, plan.episode) == ("severe", "none", 1)
    played.monitor(2, SERVICE)
    played.monitor(3)
    assert played.told == [
        "episode 1 has opened (warn)",
        "service episode 1 has opened (severe)",
        "episode 1 has ended",
        "service episode 1 has ended",
    ]
    assert "Retraining: none, it does not help a server." in played.alerts[1].text


def test_days_of_23_and_25_hours_are_days():
    spring = Interval(start=datetime(2013, 3, 10, 5, tzinfo=UTC), end=datetime(2013, 3, 11, 4, tzinfo=UTC))
    autumn = Interval(start=datetime(2013, 11, 3, 4, tzinfo=UTC), end=datetime(2013, 11, 4, 5, tzinfo=UTC))
    week_later = Interval(start=datetime(2013, 11, 10, 5, tzinfo=UTC), end=datetime(2013, 11, 11, 5, tzinfo=UTC))
    assert intervals_after(autumn, week_later) == 7
    assert intervals_after(spring, autumn) == 238
