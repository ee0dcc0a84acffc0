"""Local time of many moments at once is what zoneinfo says of each."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from retrainer.timezones import local_time

ZONES = (
    "America/New_York",  # summer time, two hours' changes a year
    "Europe/Dublin",  # summer time is the standard time
    "Australia/Lord_Howe",  # summer time of half an hour
    "Asia/Kathmandu",  # a quarter of an hour
    "Africa/Casablanca",  # summer time broken off for Ramadan
    "Africa/Freetown",  # two changes within four days, in 1939
    "Pacific/Apia",  # a day that never was, in 2011
    "Africa/Monrovia",  # an offset of 44 minutes and 30 seconds until 1972
    "UTC",
)


def by_zoneinfo(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)


def _seconds(day: str) -> int:
    return int(np.datetime64(day, "s").astype(np.int64))


def as_array(*moments: datetime) -> np.ndarray:
    return np.array([moment.replace(tzinfo=None) for moment in moments], dtype="datetime64[us]")


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=200, deadline=None)
@given(seconds=some.lists(some.integers(_seconds("1900-01-01"), _seconds("2100-01-01") - 1)))
def test_it_is_what_zoneinfo_says(zone, seconds):
    moments = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second) for second in seconds]
    expected = [by_zoneinfo(moment, zone) for moment in moments]

    assert local_time(as_array(*moments), zone).tolist() == expected


@pytest.mark.parametrize(
    ("zone", "change"),
    [
        ("America/New_York", "1966-10-30T06:00:00"),
        ("America/New_York", "2013-03-10T07:00:00"),
        ("America/New_York", "2013-11-03T06:00:00"),
        ("America/New_York", "2099-03-08T07:00:00"),
        ("Europe/Dublin", "2013-10-27T01:00:00"),
        ("Australia/Lord_Howe", "2013-04-06T15:00:00"),
        ("Asia/Kathmandu", "1985-12-31T18:30:00"),
        ("Africa/Casablanca", "2012-07-20T02:00:00"),
        ("Africa/Freetown", "1939-09-01T01:00:00"),
        ("Africa/Freetown", "1939-09-05T00:40:00"),
        ("Pacific/Apia", "2011-12-30T10:00:00"),
        ("Africa/Monrovia", "1972-01-07T00:44:30"),
    ],
)
def test_it_is_exact_to_the_microsecond_around_a_change(zone, change):
    at = datetime.fromisoformat(change).replace(tzinfo=UTC)
    moments = [at + timedelta(microseconds=off) for off in (-1_000_000, -1, 0, 1, 999_999)]
    offsets = [moment.astimezone(ZoneInfo(zone)).utcoffset() for moment in moments]
    assert offsets[0] == offsets[1] != offsets[2] == offsets[4]

    assert local_time(as_array(*moments), zone).tolist() == [by_zoneinfo(moment, zone) for moment in moments]


def test_the_repeated_hour_at_the_end_of_summer_time_is_told_twice():
    both = np.array(["2013-11-03T05:30", "2013-11-03T06:30"], dtype="datetime64[us]")

    assert local_time(both, "America/New_York").astype(str).tolist() == ["2013-11-03T01:30:00.000000"] * 2


def test_a_missing_time_stays_missing_and_one_too_early_or_too_late_is_missing():
    times = np.array(
        ["NaT", "1899-12-31T23:59", "1900-01-01", "2099-12-31T23:59", "2100-01-01"], dtype="datetime64[us]"
    )

    assert np.isnat(local_time(times, "Asia/Tokyo")).tolist() == [True, True, False, False, True]
    assert local_time(times[:0], "Asia/Tokyo").tolist() == []


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns", "m", "D"])
def test_any_unit_of_time_is_taken_and_microseconds_are_given(unit):
    told = local_time(np.array(["2013-07-01"], dtype=f"datetime64[{unit}]"), "America/New_York")

    assert told.dtype == np.dtype("datetime64[us]")
    assert told.astype(str).tolist() == ["2013-06-30T20:00:00.000000"]


@pytest.mark.parametrize("zone", ["America/Gotham", "", "America", "../etc/passwd", "EST5EDT\0"])
def test_a_zone_that_is_not_there_is_named(zone):
    with pytest.raises(ValueError, match="unknown time zone") as caught:
        local_time(np.array(["2013-07-01"], dtype="datetime64[us]"), zone)

    assert repr(zone) in str(caught.value)


def test_numbers_are_not_taken_for_times():
    with pytest.raises(ValueError, match="times must be datetime64, got float64"):
        local_time(np.array([1.0]), "UTC")
