"""A run needs the partitions of its windows, and before them what features look back on."""

from datetime import UTC, datetime

import pytest

from retrainer.contracts import Interval
from retrainer.snapshots import required_intervals, table_window, windows_intervals
from tests.factories import day, make_config


def reach(table, number, **changes):
    """The first day that `table` is needed from, for the run of day `number`; day 0 is 1 January."""
    config = make_config(**changes)
    window = table_window(config, table, day(number), as_of=day(number).end)
    assert window.end == day(number).end
    return (window.start - day(0).start).days


@pytest.mark.parametrize(
    ("table", "changes", "first"),
    [
        ("orders", {}, 14),  # 4 + 2 days before day 21, and the window feature of one day
        ("orders", {"windows": {"gap_days": 3}}, 11),
        ("orders", {"features": {"windows": {"region_late": {"over": "36h"}}}}, 13),  # rounded up to two days
        ("rates", {}, 14),  # max_age and delay are seven hours, rounded up to a day
        ("rates", {"features": {"lookups": {"rates": {"max_age": "24h", "delay": "1h"}}}}, 13),
    ],
)
def test_the_windows_reach_back_for_look_ups_and_window_features(table, changes, first):
    assert reach(table, 20, **changes) == first


def test_nothing_before_the_start_of_the_schedule_is_needed():
    assert reach("orders", 3) == 0
    assert len(windows_intervals(make_config(), day(3), as_of=day(3).end)) == 4


def test_the_own_interval_comes_last():
    window = table_window(make_config(), "orders", day(20), as_of=day(20).end)
    found = required_intervals(make_config(), window, day(20))
    assert [each.key for each in found] == [day(number).key for number in range(14, 21)]


def test_days_of_23_and_25_hours_are_each_needed_once():
    config = make_config(schedule={"timezone": "America/New_York", "start": "2025-01-01"})
    own = Interval(start=datetime(2025, 3, 10, 4, tzinfo=UTC), end=datetime(2025, 3, 11, 4, tzinfo=UTC))
    found = windows_intervals(config, own, as_of=own.end)
    hours = [(each.end - each.start).total_seconds() / 3600 for each in found]
    assert hours == [24, 24, 24, 24, 23, 24]
    assert len({each.key for each in found}) == 6
