"""Good rows are published and pinned; bad ones are set aside with the column named, and the last good data stay."""

import json
from pathlib import Path

import pytest

from retrainer.errors import BadDataError
from retrainer.snapshots import connect, open_view, partition_counts
from retrainer.steps import snapshot, validate_data
from tests.factories import change_source, day, land_day, make_config, make_request, make_settings, small_source

RATES = {"source": {"tables": {"rates": {"expectations": [
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "rate", "min_value": 0, "max_value": 100}}
]}}}}  # fmt: skip


@pytest.fixture
def source(tmp_path):
    return small_source(tmp_path / "s.sqlite")


@pytest.fixture
def settings(tmp_path, source):
    return make_settings(tmp_path, source)


def run(settings, number=7, config=None, run_id="test"):
    """snapshot, then validate_data."""
    options = {"config": config, "interval": day(number), "run_id": run_id}
    staged = snapshot.run(make_request("snapshot", **options), settings)
    return validate_data.run(make_request("validate_data", inputs={"snapshot": staged}, **options), settings)


def data(settings, *parts):
    return Path(settings.data_uri, "order_late", *parts)


def published(settings, table="orders"):
    return partition_counts(str(data(settings, "snapshots", table)))


def quarantined(settings, table="orders"):
    folder = data(settings, "quarantine", table)
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_what_passes_is_published_and_pinned_for_the_windows(settings):
    report = run(settings)
    orders, rates = report.snapshot
    assert (orders.table, orders.rows, orders.version) == ("orders", 84, 1)
    assert (rates.table, rates.rows) == ("rates", 28)
    assert (orders.window.start, orders.window.end) == (day(1).start, day(7).end)
    assert (report.failed, report.quarantined, report.quality, report.docs_url) == ((), (), 1.0, "")
    with connect() as connection:
        open_view(connection, orders, "orders")
        described = dict(row[:2] for row in connection.execute("DESCRIBE orders").fetchall())
    assert described == {
        "order_id": "BIGINT",
        "ordered_at": "TIMESTAMP WITH TIME ZONE",
        "region": "VARCHAR",
        "amount": "DOUBLE",
        "express": "BOOLEAN",
        "days_to_pay": "DOUBLE",
        "paid_at": "TIMESTAMP WITH TIME ZONE",
        "_interval": "VARCHAR",
    }


def test_the_report_is_kept_as_a_page_and_as_numbers(settings):
    page = Path(run(settings).docs_uri)
    assert page.name == "index.html"
    assert "<html" in page.read_text()
    checks = json.loads((page.parent / "result.json").read_text())["checks"]
    assert {check["table"] for check in checks} == {"orders", "rates"}
    assert all(check["success"] for check in checks)


def test_the_same_run_again_changes_nothing(settings, source):
    first = run(settings)
    assert run(settings, run_id="cleared").snapshot == first.snapshot
    land_day(source, 8)
    run(settings, 8)
    assert run(settings, run_id="cleared later").snapshot == first.snapshot


def test_rows_that_come_late_replace_their_partition_when_the_interval_is_run_again(settings, source):
    first = run(settings)
    change_source(
        source, "INSERT INTO orders SELECT 1000, '2026-01-08 23:00:00', region, 1, 0, 1, NULL, '-' FROM orders LIMIT 1"
    )
    again = run(settings)
    assert again.snapshot[0].rows == first.snapshot[0].rows + 1
    assert again.snapshot[0].digest != first.snapshot[0].digest
    assert again.snapshot[1] == first.snapshot[1]


BROKEN = {
    "column missing": (["ALTER TABLE orders DROP COLUMN amount"], "amount", "is missing"),
    "column renamed": (["ALTER TABLE orders RENAME COLUMN region TO regions"], "region", "found `regions`, renamed?"),
    "event time renamed": (["ALTER TABLE orders RENAME COLUMN ordered_at TO order_at"], "ordered_at", "is missing"),
    "another type": (["UPDATE orders SET amount = 'much' WHERE order_id = 90"], "amount", "be float, found VARCHAR"),
    "another type in the database": (
        ["ALTER TABLE orders DROP COLUMN express", "ALTER TABLE orders ADD COLUMN express TEXT DEFAULT 'no'"],
        "express", "must be boolean, found VARCHAR",
    ),
    "text as time": (["UPDATE orders SET paid_at = 'soon' WHERE order_id = 90"], "paid_at", "must be timestamp"),
    "all null": (["UPDATE orders SET amount = NULL"], "amount", "is null in all 12 rows"),
    "infinity": (["UPDATE orders SET amount = 9e999 WHERE order_id = 90"], "amount", "is infinite in 1 rows"),
    "repeated key": (["UPDATE orders SET order_id = 91 WHERE order_id = 90"], "order_id", "in more than one row"),
    "stale": (["DELETE FROM orders WHERE ordered_at > '2026-01-08 14:00'"], "ordered_at", "before the interval's"),
}  # fmt: skip


@pytest.mark.parametrize(("statements", "column", "problem"), BROKEN.values(), ids=BROKEN)
def test_a_broken_day_is_stopped_with_the_column_named_and_the_last_good_data_stay(
    settings, source, statements, column, problem
):
    run(settings, 6)
    before = published(settings)
    change_source(source, *statements)
    with pytest.raises(BadDataError) as caught:
        run(settings, 7)
    first_line = str(caught.value).splitlines()[0]
    assert first_line.startswith("orders, interval 2026-01-08T00:00:00Z: ")
    assert len(first_line) < 300
    assert f"`{column}`" in str(caught.value)
    assert problem in str(caught.value)
    assert caught.value.exit_status == 78
    assert published(settings) == before
    assert published(settings, "rates") == {day(number).key: 4 for number in range(7)}
    assert quarantined(settings) == [day(7).key]
    reason = json.loads((data(settings, "quarantine", "orders", day(7).key) / "reason.json").read_text())
    assert reason["interval"] == day(7).key
    assert any(column in (check["column"] or "") for check in reason["checks"])
    assert Path(reason["docs_uri"]).exists()


def test_the_rows_in_quarantine_are_those_of_the_interval_as_they_came(settings, source):
    run(settings, 6)
    change_source(source, "UPDATE orders SET amount = 'a lot' WHERE order_id = 90")
    with pytest.raises(BadDataError):
        run(settings, 7)
    assert partition_counts(str(data(settings, "quarantine", "orders", day(7).key))) == {day(7).key: 12}


def test_an_interval_leaves_quarantine_when_it_passes(settings, source):
    run(settings, 6)
    change_source(source, "ALTER TABLE orders RENAME COLUMN region TO regions")
    with pytest.raises(BadDataError):
        run(settings, 7)
    change_source(source, "ALTER TABLE orders RENAME COLUMN regions TO region")
    land_day(source, 8)
    assert run(settings, 8).snapshot[0].rows == 84
    assert quarantined(settings) == []
    assert day(7).key in published(settings)


def test_a_bad_older_day_is_set_aside_and_the_run_goes_on(settings, source):
    change_source(
        source,
        "UPDATE orders SET amount = 9e999 WHERE order_id = 50",
        "UPDATE orders SET days_to_pay = 'x' WHERE order_id = 62",
    )
    report = run(settings)
    assert report.quarantined == (day(4).key, day(5).key)
    assert report.snapshot[0].rows == 5 * 12
    assert quarantined(settings) == [day(4).key, day(5).key]
    assert {(check.batch, check.column) for check in report.failed} == {
        (day(4).key, "amount"),
        (day(5).key, "days_to_pay"),
    }
    assert report.quality < 1


def test_too_few_valid_days_stop_the_run_and_what_is_valid_is_published(settings, source):
    change_source(source, "UPDATE orders SET amount = 9e999 WHERE order_id IN (24, 36, 48)")
    with pytest.raises(BadDataError) as caught:
        run(settings)
    assert str(caught.value).startswith(
        "orders: 3 of 6 intervals of the windows are there and valid (50%), windows.min_coverage is 60%\n"
        "Missing: 2026-01-03T00:00:00Z, 2026-01-04T00:00:00Z, 2026-01-05T00:00:00Z"
    )
    assert sorted(published(settings)) == [day(number).key for number in (1, 5, 6, 7)]


def test_a_warning_goes_on_record_and_stops_nothing(settings):
    expectation = {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "region", "value_set": ["north"]}}
    config = make_config(source={"tables": {"orders": {"expectations": [{**expectation, "severity": "warning"}]}}})
    report = run(settings, config=config)
    assert {(check.batch, check.column, check.severity) for check in report.failed} == {
        ("interval", "region", "warning"),
        ("window", "region", "warning"),
    }
    assert report.snapshot[0].rows == 84


def test_warnings_that_are_too_many_stop_the_run(settings):
    expectation = {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "region", "value_set": ["north"]}}
    tables = {"orders": {"expectations": [{**expectation, "severity": "warning"}]}}
    with pytest.raises(BadDataError, match="min_quality is 99"):
        run(settings, config=make_config(source={"tables": tables}, min_quality=0.99))


def test_a_day_much_smaller_than_those_before_is_stopped_also_on_the_first_run(settings, source):
    change_source(
        source,
        "DELETE FROM orders WHERE order_id BETWEEN 84 AND 90",
        "UPDATE landings SET row_count = 5 WHERE table_name = 'orders' AND interval_start >= '2026-01-08'",
    )
    with pytest.raises(BadDataError, match="5 rows; 6 to 24 are allowed"):
        run(settings)


def test_later_days_do_not_count_as_history_of_an_earlier_one(settings, source):
    change_source(
        source,
        "DELETE FROM orders WHERE order_id % 12 > 1 AND order_id < 96",
        "UPDATE landings SET row_count = 2 WHERE table_name = 'orders'",
    )
    config = make_config(source={"tables": {"orders": {"freshness": None}}})
    run(settings, 4, config)
    for number in (8, 9, 10, 11, 12, 13):
        land_day(source, number)
    with pytest.raises(BadDataError, match="12 rows; 1 to 4"):
        run(settings, 8, config)
    assert run(settings, 5, config).snapshot[0].rows == 2 * 6


def test_labels_that_are_not_known_yet_are_no_mistake(settings, source):
    change_source(source, "UPDATE orders SET paid_at = NULL, days_to_pay = NULL WHERE order_id >= 84")
    assert run(settings).failed == ()


def test_one_bad_table_keeps_the_others_from_being_published(settings, source):
    change_source(source, "UPDATE rates SET rate = 1000 WHERE at >= '2026-01-08'")
    with pytest.raises(BadDataError, match=r"^rates, interval .*`rate`: 4 of 4 values"):
        run(settings, config=make_config(**RATES))
    assert published(settings) == {}
