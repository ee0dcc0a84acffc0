"""The policy: episodes, who is told and how often, and when a training run is fired, held or asked for."""

from retrainer.config.monitoring import Monitoring
from tests.unit.monitoring.played import DISTANCE, WARNING, Played, day, finding, settings


def test_nothing_confirmed_is_quiet_and_leaves_nothing(played):
    plan = played.monitor(1)
    assert (plan.verdict, plan.action, plan.episode, plan.events, plan.alerts) == ("quiet", "none", None, (), ())


def test_what_is_only_to_be_recorded_opens_nothing(played):
    assert played.monitor(1, finding("distance", severity="ignore")).verdict == "quiet"
    assert played.course == []


def test_a_warning_is_told_once_when_it_opens_and_once_when_it_ends(played):
    plans = [played.monitor(number, WARNING) for number in (1, 2, 3)] + [played.monitor(number) for number in (4, 5)]
    assert [(plan.verdict, plan.action, plan.episode) for plan in plans] == [
        *[("warn", "none", 1)] * 3,
        *[("quiet", "none", None)] * 2,
    ]
    assert played.course == ["opened", "ended"]
    assert played.told == ["episode 1 has opened (warn)", "episode 1 has ended"]


def test_the_next_episode_has_the_next_number(played):
    for number, findings in enumerate([(WARNING,), (), (WARNING,)], start=1):
        plan = played.monitor(number, *findings)
    assert plan.episode == 2
    assert played.told[-1] == "episode 2 has opened (warn)"


def test_a_severe_finding_fires_a_training_run_as_of_the_end_of_the_interval(played):
    plan = played.monitor(1, DISTANCE)
    assert (plan.verdict, plan.action, plan.episode) == ("severe", "retrain", 1)
    assert plan.train_run_id == "monitor__1__2013-05-01T04:00:00Z"
    assert plan.train_as_of == day(1).end
    assert played.course == ["opened", "fired"]
    assert played.told == ["episode 1 has opened (severe)"]
    assert played.alerts[0].text.splitlines()[1:] == [
        "• feature: distance moved",
        "Retraining: a training run was fired.",
        "Interval: 2013-05-01 04:00 to 2013-05-02 04:00 UTC · <https://mlflow.example/report|Report>",
    ]


def test_a_warning_that_becomes_severe_is_told_once_more_and_fires(played):
    played.monitor(1, WARNING)
    plan = played.monitor(2, DISTANCE)
    played.monitor(3, DISTANCE)
    assert plan.train_run_id == "monitor__1__2013-05-02T04:00:00Z"
    assert played.course == ["opened", "escalated", "fired"]
    assert played.told == ["episode 1 has opened (warn)", "episode 1 is retrained (severe)"]


def test_one_more_column_is_an_event_and_no_news(played):
    played.monitor(1, WARNING)
    played.monitor(2, finding("distance", "carrier", severity="warn"))
    assert played.course == ["opened", "escalated"]
    assert played.told == ["episode 1 has opened (warn)"]


def test_the_same_interval_again_is_the_same_plan_and_the_same_state(played):
    first = played.monitor(1, DISTANCE)
    state = (played.course, played.told)
    assert played.monitor(1, DISTANCE) == first
    assert (played.course, played.told) == state


def test_a_run_that_was_fired_stays_fired_when_the_numbers_change(played):
    first = played.fire_on_the_first_day()
    again = played.monitor(1, finding("distance", "carrier"), finding("prediction", about="prediction"))
    assert (again.action, again.train_run_id) == ("retrain", first.train_run_id)
    assert played.course == ["opened", "fired"]


def test_a_second_monitor_run_fires_none_while_one_is_in_flight(played):
    played.fire_on_the_first_day()
    plan = played.monitor(2, DISTANCE)
    assert (plan.action, plan.reason) == ("none", "run monitor__1__2013-05-01T04:00:00Z has no result yet")
    assert played.course == ["opened", "fired"]


def test_a_run_without_a_result_after_the_cool_down_is_unfinished_and_may_be_followed(played):
    played.fire_on_the_first_day()
    assert [played.monitor(number, DISTANCE).action for number in (2, 3, 4, 5)] == ["none"] * 4
    plan = played.monitor(6, DISTANCE)
    assert (plan.action, plan.train_run_id) == ("retrain", "monitor__1__2013-05-06T04:00:00Z")
    assert played.course == ["opened", "fired", "unfinished", "fired"]
    assert played.told[1:] == ["the training run of episode 1 has no result", "episode 1 is retrained (severe)"]


def test_a_result_that_comes_late_is_still_told(played):
    plan = played.fire_on_the_first_day()
    played.monitor(6)
    played.finish(plan, "reject", version=2)
    played.monitor(7)
    played.monitor(8)
    assert played.course == ["opened", "fired", "unfinished", "ended", "rejected"]


def test_what_became_of_the_run_is_told_also_when_the_episode_has_ended(played):
    plan = played.fire_on_the_first_day()
    played.monitor(2)
    played.finish(plan, "reject", version=2)
    played.monitor(3)
    assert played.course == ["opened", "fired", "ended", "rejected"]
    assert played.told[1:] == ["episode 1 has ended", "v2, trained because of episode 1, was rejected"]


def test_a_promotion_keeps_the_episode_open_until_the_version_was_watched(played):
    plan = played.fire_on_the_first_day()
    played.finish(plan, "promote", version=2)
    plans = [played.monitor(number) for number in (2, 3, 4, 5)]
    assert [each.episode for each in plans] == [1, 1, 1, None]
    assert played.events[2].details == {
        "run_id": plan.train_run_id,
        "sequence": 1,
        "version": 2,
        "reason": "shown to be better",
    }
    assert played.course == ["opened", "fired", "promoted", "ended"]
    assert played.told[1:] == ["v2, trained because of episode 1, is promoted", "episode 1 has ended"]


def test_after_a_rejection_nothing_is_fired_until_something_new_happens(played):
    plan = played.fire_on_the_first_day()
    played.finish(plan, "reject", version=2)
    plans = [played.monitor(number, DISTANCE) for number in range(2, 12)]
    assert {each.action for each in plans} == {"none"}
    assert plans[-1].reason == "v2, retrained because of this, was rejected; nothing new since"
    assert played.course == ["opened", "fired", "rejected", "held"]
    assert played.told[1:] == ["v2, trained because of episode 1, was rejected"]
    assert played.monitor(12, finding("distance", "carrier")).action == "retrain"


def test_another_champion_is_something_new(played):
    plan = played.fire_on_the_first_day()
    played.finish(plan, "reject", version=2)
    assert played.monitor(6, DISTANCE).action == "none"
    played.enter("rollback", 0, as_of=day(1).start)
    assert played.monitor(7, DISTANCE).action == "retrain"


def test_no_run_within_the_cool_down_also_not_of_the_next_episode(played):
    plan = played.fire_on_the_first_day()
    played.finish(plan, "reject", version=2)
    played.monitor(2)
    plans = [played.monitor(number, finding("carrier")) for number in (3, 4, 5, 6)]
    assert [each.action for each in plans] == ["none", "none", "none", "retrain"]
    assert plans[0].reason == "no run within 4 intervals of monitor__1__2013-05-01T04:00:00Z"
    assert plans[3].train_run_id == "monitor__2__2013-05-06T04:00:00Z"
    assert played.course == ["opened", "fired", "rejected", "ended", "opened", "held", "fired"]


def test_ten_alarms_about_the_same_interval_fire_one_run(played):
    plans = [played.monitor(1, finding(f"column_{number}")) for number in range(10)]
    assert {plan.train_run_id for plan in plans} == {"monitor__1__2013-05-01T04:00:00Z"}
    assert played.course.count("fired") == 1


def test_ten_nights_of_another_alarm_each_fire_no_run_within_the_cool_down():
    played, actions = Played(config=Monitoring()), []
    for number in range(1, 11):
        plan = played.monitor(number, finding(f"column_{number}"))
        actions.append(plan.action)
        if plan.action == "retrain":
            played.finish(plan, "reject", version=number + 1)
    assert actions == ["retrain", *["none"] * 7, "retrain", "none"]


def test_beyond_the_budget_of_runs_a_person_is_asked_once():
    played = Played(config=settings(cool_down_intervals=0, max_per_month=2))
    for number in (1, 2):
        played.finish(played.monitor(number, finding(f"column_{number}")), "reject", version=number + 1)
    plans = [played.monitor(number, finding("column_3")) for number in (3, 4)]
    assert [plan.action for plan in plans] == ["ask", "none"]
    assert plans[0].reason == "feature column_3: severe, and 2 runs were fired in the last 30 days, which is the budget"
    assert played.course[-3:] == ["rejected", "escalated", "asked"]
    assert played.told[-1] == "episode 1 needs a decision (severe)"


def test_the_budget_is_of_thirty_days():
    played = Played(config=settings(cool_down_intervals=0, max_per_month=1))
    played.finish(played.monitor(1, finding("column_1")), "reject", version=2)
    assert played.monitor(30, finding("column_2")).action == "ask"
    played.answer("hold", newest=30)
    assert played.monitor(31, finding("column_3")).action == "retrain"
