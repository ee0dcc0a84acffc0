"""The checks of the rows that GX has no word for."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from retrainer.contracts import Interval
from retrainer.validation import FreshnessRule, PastCount, RowCountRule, Suite, validate

DAY = Interval(start=datetime(2013, 5, 27, tzinfo=UTC), end=datetime(2013, 5, 28, tzinfo=UTC))
MONDAYS = tuple(PastCount(DAY.start - timedelta(weeks=weeks), rows) for weeks, rows in enumerate((8, 12), start=1))
OTHER_DAYS = tuple(PastCount(DAY.start - timedelta(days=days), 1000) for days in range(1, 7))


def failed(batch, suite):
    return [(check.expectation, check.column, check.failed_rows) for check in validate(batch, suite).failed]


def only(batch, suite, expectation):
    (check,) = [check for check in validate(batch, suite).checks if check.expectation == expectation]
    return check


def test_a_column_that_is_null_in_all_rows_fails_by_name(make_batch):
    assert failed(make_batch("* REPLACE (NULL::VARCHAR AS carrier)"), Suite("flights")) == [("all_null", "carrier", 10)]


def test_a_float_column_that_is_nan_or_null_in_all_rows_is_all_null(make_batch):
    batch = make_batch("* REPLACE (CASE WHEN flight_id > 4 THEN 'NaN'::DOUBLE END AS delay)")
    assert failed(batch, Suite("flights")) == [("all_null", "delay", 10)]


def test_a_column_that_may_be_empty_may_be_all_null(make_batch):
    batch = make_batch("* REPLACE (NULL::VARCHAR AS carrier)")
    assert failed(batch, Suite("flights", may_be_empty=frozenset({"carrier"}))) == []


def test_infinities_are_counted_and_their_column_named(make_batch):
    batch = make_batch(
        "* REPLACE (CASE flight_id WHEN 1 THEN 'inf' WHEN 2 THEN '-inf' ELSE delay END::DOUBLE AS delay)"
    )
    assert failed(batch, Suite("flights")) == [("infinity", "delay", 2)]


def test_only_declared_columns_are_looked_at_where_columns_are_declared(make_batch):
    batch = make_batch("*, NULL AS gate")
    assert failed(batch, Suite("flights", columns={"carrier": "string"})) == []


def test_repeated_keys_are_counted_with_all_their_rows(make_batch):
    batch = make_batch("* REPLACE (flight_id // 4 AS flight_id)")  # 0 four times, 1 four times, 2 twice
    assert failed(batch, Suite("flights", key=("flight_id",))) == [("duplicate_keys", "flight_id", 10)]
    assert failed(batch, Suite("flights", key=("flight_id", "departs"))) == []


def test_a_key_whose_column_is_missing_fails_by_that_name(make_batch):
    assert failed(make_batch(), Suite("flights", key=("carrier", "gate"))) == [("duplicate_keys", "gate", 0)]


@pytest.mark.parametrize(
    ("rule", "success"),
    [
        pytest.param(RowCountRule(min_share=1, max_share=1), True, id="exactly the median of 10"),
        pytest.param(RowCountRule(min_share=1.01), False, id="too few"),
        pytest.param(RowCountRule(min_share=0.5, max_share=0.99), False, id="too many"),
    ],
)
def test_rows_are_compared_with_the_same_weekday_where_there_are_two(make_batch, rule, success):
    batch = make_batch(interval=DAY, past=OTHER_DAYS + MONDAYS)
    check = only(batch, Suite("flights", row_count=rule), "row_count")
    assert check.success is success
    assert "median 10 of 2 intervals of the same weekday" in check.message


def test_weekdays_are_those_of_the_schedules_zone_when_clocks_change(make_batch):
    london = ZoneInfo("Europe/London")

    def midnight(year: int, month: int, number: int) -> datetime:
        return datetime(year, month, number, tzinfo=london).astimezone(UTC)

    monday = Interval(start=midnight(2024, 4, 1), end=midnight(2024, 4, 2))  # it began on Sunday, 23:00 UTC
    mondays = tuple(PastCount(midnight(2024, 3, number), 10) for number in (4, 11, 18, 25))
    sundays = tuple(PastCount(midnight(2024, 3, number), 1000) for number in (3, 10, 17, 24))
    batch = make_batch(interval=monday, past=mondays + sundays, zone=london)

    check = only(batch, Suite("flights", row_count=RowCountRule()), "row_count")

    assert check.success
    assert "median 10 of 4 intervals of the same weekday" in check.message


def test_rows_are_compared_with_all_days_where_the_weekday_has_only_one(make_batch):
    check = only(
        make_batch(interval=DAY, past=OTHER_DAYS + MONDAYS[:1]), Suite("f", row_count=RowCountRule()), "row_count"
    )
    assert not check.success
    assert check.message == "10 rows; 500 to 2000 are allowed (median 1000 of 7 past intervals)"


def test_a_first_interval_has_nothing_to_be_compared_with_and_says_so(make_batch):
    check = only(make_batch(interval=DAY, past=MONDAYS[:1]), Suite("f", row_count=RowCountRule()), "row_count")
    assert check.success
    assert "1 past intervals are too few" in check.message


@pytest.mark.parametrize(
    ("hours", "success"), [pytest.param(15, True, id="just in time"), pytest.param(14.9, False, id="too old")]
)
def test_the_last_event_must_be_near_the_end_of_the_interval(make_batch, hours, success):
    rule = FreshnessRule("departs", max_gap=timedelta(hours=hours), severity="warning")
    outcome = validate(make_batch(interval=DAY), Suite("flights", freshness=rule))
    (check,) = [each for each in outcome.checks if each.expectation == "freshness"]
    assert (check.success, check.column) == (success, "departs")
    assert outcome.success


@pytest.mark.parametrize("zone", ["America/New_York", "UTC"])
def test_freshness_does_not_depend_on_time_zones(make_batch, connection, zone):
    connection.execute(f"SET TimeZone = '{zone}'")
    batch = make_batch("* REPLACE (timezone('UTC', departs) AS departs)", interval=DAY)
    check = only(batch, Suite("flights", freshness=FreshnessRule("departs", timedelta(hours=15))), "freshness")
    assert check.message.startswith("last `departs` 2013-05-27T09:00:00+00:00, 15.0 h before the interval's end")
    assert check.success


def test_an_empty_interval_is_not_fresh_and_has_too_few_rows(make_batch):
    batch = make_batch("* FROM (FROM source LIMIT 0) AS source --", interval=DAY, past=MONDAYS)
    suite = Suite(
        "f", key=("flight_id",), row_count=RowCountRule(), freshness=FreshnessRule("departs", timedelta(hours=15))
    )
    assert failed(batch, suite) == [("row_count", None, 0), ("freshness", "departs", 0)]


def test_quality_is_the_share_of_checks_passed(make_batch):
    outcome = validate(make_batch("* REPLACE (NULL::VARCHAR AS carrier)"), Suite("flights"))
    assert len(outcome.checks) == 5  # four columns with values, one float column without infinities
    assert outcome.quality == pytest.approx(0.8)
