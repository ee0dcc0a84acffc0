"""As of when a run looks, and that our intervals are Airflow's."""

from datetime import UTC, date, datetime, timedelta

import pendulum
import pytest
from airflow.timetables.base import TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable

from retrainer.airflow.request import is_after_the_schedule, run_interval
from retrainer.config.schedule import Schedule
from retrainer.contracts import Interval
from retrainer.errors import ConfigurationError
from tests.dags.conftest import build_context

NIGHTLY = Schedule(cron="0 0 * * *", timezone="America/New_York", start=date(2013, 1, 1), end=date(2014, 1, 1))


def midnight(day: int, month: int = 5) -> datetime:
    """Midnight in New York in summer time."""
    return datetime(2013, month, day, 4, tzinfo=UTC)


THE_26TH = (midnight(26), midnight(27))
NIGHT_RUN = (pendulum.datetime(2013, 5, 20, 4), pendulum.datetime(2013, 5, 21, 4))

CASES = {
    "the parameter wins over everything": (
        {
            "params": {"as_of": "2013-05-27T00:00:00-04:00"},
            "interval": NIGHT_RUN,
            "announced": ({"as_of": "2013-05-24T04:00:00Z"},),
        },
        THE_26TH,
    ),
    "a parameter within a day means the day before": ({"params": {"as_of": "2013-05-27T23:59:59-04:00"}}, THE_26TH),
    "a parameter without an offset is local time": ({"params": {"as_of": "2013-05-27T00:00:00"}}, THE_26TH),
    "the run's data interval wins over asset events": (
        {"interval": NIGHT_RUN, "announced": ({"as_of": "2013-05-27T04:00:00Z"},)},
        (midnight(20), midnight(21)),
    ),
    "the newest of the asset events": (
        {"announced": ({"as_of": "2013-05-25T04:00:00+00:00"}, {"as_of": "2013-05-27T04:00:00+00:00"})},
        THE_26TH,
    ),
    "events that say nothing usable are passed over": (
        {
            "announced": (
                None,
                {},
                {"as_of": "soon"},
                {"as_of": "2013-05-28T04:00:00"},
                {"as_of": "2013-05-27T04:00:00Z"},
            )
        },
        THE_26TH,
    ),
    "without any of these, when the run was to start": ({"run_after": pendulum.datetime(2013, 5, 27, 9, 30)}, THE_26TH),
    "after the schedule's end, its last interval": (
        {"run_after": pendulum.datetime(2026, 11, 21, 9, 30)},
        (datetime(2013, 12, 31, 5, tzinfo=UTC), datetime(2014, 1, 1, 5, tzinfo=UTC)),
    ),
}


@pytest.mark.parametrize(("run", "expected"), CASES.values(), ids=CASES)
def test_a_run_is_about_the_last_interval_before_its_as_of(run: dict, expected: tuple[datetime, datetime]) -> None:
    interval = run_interval(build_context(**run), NIGHTLY)

    assert (interval.start, interval.end) == expected


@pytest.mark.parametrize("moment", ["2012-12-31T00:00:00-05:00", "2014-01-03T00:00:00-05:00"], ids=["before", "after"])
def test_a_parameter_outside_the_schedule_is_refused_with_the_schedule(moment: str) -> None:
    with pytest.raises(ConfigurationError, match="outside the schedule: from 2013-01-01 up to 2014-01-01"):
        run_interval(build_context(params={"as_of": moment}), NIGHTLY)


def test_a_parameter_that_is_no_date_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="as_of 'yesterday' is not a date and time"):
        run_interval(build_context(params={"as_of": "yesterday"}), NIGHTLY)


@pytest.mark.parametrize(
    ("run_type", "year", "over"),
    [("scheduled", 2026, True), ("scheduled", 2013, False), ("manual", 2026, False), ("backfill", 2026, False)],
)
def test_only_runs_of_the_clock_after_the_end_have_nothing_to_do(run_type: str, year: int, over: bool) -> None:
    interval = (pendulum.datetime(year, 5, 20, 4), pendulum.datetime(year, 5, 21, 4))

    assert is_after_the_schedule(build_context(interval=interval, run_type=run_type), NIGHTLY) is over


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "UTC"])
@pytest.mark.parametrize("cron", ["0 0 * * *", "0 0 * * 0", "30 2 * * *"], ids=["daily", "weekly", "when clocks skip"])
def test_intervals_are_those_of_airflow_all_year(zone: str, cron: str) -> None:
    schedule = Schedule(cron=cron, timezone=zone, start=date(2013, 1, 1))
    start = datetime(2013, 1, 1, tzinfo=schedule.zone).astimezone(UTC)
    end = datetime(2014, 1, 1, tzinfo=schedule.zone).astimezone(UTC)

    theirs = airflow_intervals(cron, zone, start, end)

    assert len(theirs) > 50
    assert schedule.intervals(start, end) == theirs


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "UTC"])
@pytest.mark.parametrize("cron", ["0 0 * * *", "0 0 * * 0"], ids=["daily", "weekly"])
def test_the_interval_before_a_moment_is_what_airflow_gives_a_run_started_by_hand(zone: str, cron: str) -> None:
    schedule = Schedule(cron=cron, timezone=zone, start=date(2013, 1, 1))
    start = datetime(2013, 1, 1, tzinfo=schedule.zone).astimezone(UTC)
    intervals = schedule.intervals(start, start + timedelta(days=366))

    assert len(intervals) > 50
    for interval in intervals:
        for later in (timedelta(0), timedelta(seconds=1), timedelta(hours=2)):
            assert schedule.interval_before(interval.end + later) == manual_interval(cron, zone, interval.end + later)


def airflow_intervals(cron: str, zone: str, start: datetime, end: datetime) -> list[Interval]:
    timetable = CronDataIntervalTimetable(cron, timezone=zone)
    restriction = TimeRestriction(earliest=pendulum.instance(start), latest=None, catchup=True)
    found: list[Interval] = []
    last = None
    while True:
        last = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction).data_interval
        if last.end > end:
            return found
        found.append(Interval(start=plain(last.start), end=plain(last.end)))


def manual_interval(cron: str, zone: str, moment: datetime) -> Interval:
    when = pendulum.from_timestamp(moment.timestamp(), tz="UTC")
    given = CronDataIntervalTimetable(cron, timezone=zone).infer_manual_data_interval(run_after=when)
    return Interval(start=plain(given.start), end=plain(given.end))


def plain(moment: pendulum.DateTime) -> datetime:
    return datetime.fromisoformat(moment.isoformat())


@pytest.mark.parametrize("cron", ["0 3 * * *", "0 0 * * 1", "0 12 1 * *"], ids=["at three", "weekly", "monthly"])
def test_the_last_interval_that_starts_before_the_end_has_its_run(cron: str) -> None:
    schedule = Schedule.model_validate({"cron": cron, "start": "2013-01-01", "end": "2014-01-01"})
    last = schedule.intervals(datetime(2013, 11, 1, tzinfo=UTC), datetime(2014, 3, 1, tzinfo=UTC))
    (over,) = [each for each in last if each.start < datetime(2014, 1, 1, tzinfo=UTC) <= each.end]

    by_the_clock = run_interval(build_context(interval=(over.start, over.end)), schedule)
    by_hand = run_interval(build_context(run_after=pendulum.datetime(2026, 11, 21)), schedule)

    assert by_the_clock == by_hand == over
