"""Any history of findings, results, answers, backfills and reruns: what the policy always holds to."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retrainer.contracts import Finding
from retrainer.monitoring.episode import episodes_of, intervals_after, training_runs
from retrainer.monitoring.policy import decide
from tests.unit.monitoring.played import Played, day, finding
from tests.unit.monitoring.played import settings as monitoring

COOL_DOWNS = st.integers(0, 5)
BUDGETS = st.integers(0, 3)

subjects = st.sampled_from(["distance", "carrier", "origin"])
severities = st.sampled_from(["ignore", "warn", "severe"])
features = st.builds(lambda names, severity: finding(*sorted(names), severity=severity), st.sets(subjects), severities)
others = st.builds(
    lambda about, severity: finding(about, severity=severity, about=about),
    st.sampled_from(["prediction", "performance", "service"]),
    severities,
)


@st.composite
def found(draw: st.DrawFn) -> tuple[Finding, ...]:
    """What is confirmed in an interval: at most one finding about each thing."""
    drawn = [*draw(st.lists(features, max_size=1)), *draw(st.lists(others, max_size=3, unique_by=lambda f: f.about))]
    return tuple(each for each in drawn if each.subjects)


days = st.fixed_dictionaries(
    {
        "found": found(),
        "before": st.sampled_from(["", "", "", "promote", "reject", "retrain", "hold", "rollback", "nightly"]),
        "then": found(),
        "how": st.sampled_from(["", "", "", "", "again", "skipped", "not judged", "backfill"]),
    }
)


def happen(played: Played, what: str, number: int) -> None:
    """What other runs and people do before day `number` is monitored."""
    running = [run for run in training_runs(played.events) if not run.is_decided]
    if what in ("promote", "reject") and running:
        played.enter(what, len(played.entries) + 2, as_of=running[-1].as_of)
    elif what == "rollback":
        played.enter("rollback", 1, as_of=day(1).start)
    elif what == "nightly":
        played.enter("reject", len(played.entries) + 2, as_of=day(number).start)
    elif what in ("retrain", "hold") and "asked" in played.course:
        played.answer(what, newest=max(1, number - 1))


def check(played: Played) -> None:
    """At any time."""
    runs = training_runs(played.events)
    assert sum(run.outcome is None for run in runs) <= 1
    for topic in ("model", "service"):
        episodes = episodes_of(played.events, topic)
        assert [each.number for each in episodes] == list(range(1, len(episodes) + 1))
        assert all(each.opened.event == "opened" for each in episodes)
        assert all(each.ended is not None for each in episodes[:-1])
    identities = [event.identity for event in played.events]
    assert len(set(identities)) == len(identities)


def check_fired(played: Played, number: int, *, cool_down: int, budget: int) -> None:
    """Where day `number` has fired a run by itself."""
    fired = [run.fired for run in training_runs(played.events)]
    mine = [event for event in fired if event.interval == day(number) and event.details["cause"] == "severe"]
    for event in mine:
        earlier = [other for other in fired if other is not event and other.interval.start <= event.interval.start]
        assert all(intervals_after(other.interval, day(number)) > cool_down for other in earlier)
        in_month = [other for other in earlier if other.interval.end > day(number).end - timedelta(days=30)]
        assert len(in_month) + 1 <= budget


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(history=st.lists(days, max_size=25), cool_down=COOL_DOWNS, budget=BUDGETS, automatic=st.booleans())
def test_in_any_history_runs_are_one_at_a_time_within_budget_and_cool_down(history, cool_down, budget, automatic):
    config = monitoring(cool_down_intervals=cool_down, max_per_month=budget, automatic=automatic)
    played = Played(config=config)
    for number, each in enumerate(history, start=1):
        happen(played, each["before"], number)
        check(played)
        if each["how"] == "skipped":
            continue
        before = (list(played.events), list(played.alerts))
        judged = frozenset() if each["how"] == "not judged" else frozenset({"model", "service"})
        plan = played.monitor(number, *each["found"], judged=judged, is_backfill=each["how"] == "backfill")
        assert plan.action == "none" or plan.train_as_of == day(number).end
        assert plan.action != "retrain" or automatic or "answered" in played.course
        if each["how"] == "backfill":
            assert (played.events, played.alerts) == before
        check(played)
        check_fired(played, number, cool_down=cool_down, budget=budget)
        again = decide(played.situation(number, *each["found"], judged=judged, is_backfill=each["how"] == "backfill"))
        assert again == plan
        if each["how"] == "again":
            state = list(played.events)
            other = played.monitor(number, *each["then"])
            assert played.events[: len(state)] == state
            assert plan.action == "none" or (other.action, other.train_run_id) == (plan.action, plan.train_run_id)
            check(played)
            check_fired(played, number, cool_down=cool_down, budget=budget)


@settings(max_examples=100, deadline=None)
@given(history=st.lists(found(), min_size=1, max_size=25))
def test_in_any_history_an_episode_is_told_once_when_it_opens_and_once_when_it_ends(history):
    played = Played()
    for number, findings in enumerate(history, start=1):
        played.monitor(number, *findings)
    opened = [event for event in played.events if event.event == "opened"]
    ended = [event for event in played.events if event.event == "ended"]
    assert sum("has opened" in line for line in played.told) == len(opened)
    assert sum("has ended" in line for line in played.told) == len(ended)
    assert sum("become severe" in line for line in played.told) <= len(opened)
