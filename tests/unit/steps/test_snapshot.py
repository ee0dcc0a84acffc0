"""The step stages the interval and what the windows lack, and nothing else."""

import pytest
from deltalake import DeltaTable

from retrainer.errors import BadDataError, SourceUnavailableError
from retrainer.snapshots import partition_counts
from retrainer.steps import snapshot, validate_data
from tests.factories import change_source, day, land_day, make_request, make_settings, small_source


@pytest.fixture
def source(tmp_path):
    return small_source(tmp_path / "s.sqlite")


@pytest.fixture
def settings(tmp_path, source):
    return make_settings(tmp_path, source)


def take(settings, number=7):
    staged = snapshot.run(make_request("snapshot", interval=day(number)), settings)
    return staged, {table.table: table for table in staged.tables}


def validate(settings, staged):
    return validate_data.run(
        make_request("validate_data", interval=staged.interval, inputs={"snapshot": staged}), settings
    )


def test_the_first_run_stages_the_windows_and_the_interval_last(settings):
    staged, tables = take(settings)
    orders = tables["orders"]
    # 4 + 2 days of windows and one that window features look back on.
    assert orders.partitions == tuple(day(number).key for number in range(1, 8))
    assert (orders.rows, orders.repeated_rows, staged.reused) == (7 * 12, 0, 0)
    assert partition_counts(orders.uri) == {day(number).key: 12 for number in range(1, 8)}
    assert orders.columns["paid_at"] == "TIMESTAMP WITH TIME ZONE"
    assert orders.columns["note"] == "VARCHAR"


def test_later_runs_stage_what_is_not_validated_yet_and_labels_that_were_young_when_they_were_read(settings, source):
    validate(settings, take(settings)[0])
    for number in (8, 9):
        land_day(source, number)
    staged, tables = take(settings, 9)  # nothing ran for day 8
    assert tables["orders"].partitions == (day(7).key, day(8).key, day(9).key)
    assert tables["rates"].partitions == (day(8).key, day(9).key)
    assert staged.reused == 4 + 5


def test_labels_that_were_read_late_enough_are_not_read_again(settings, source):
    for number in (8, 9):
        land_day(source, number)
        validate(settings, take(settings, number)[0])
    land_day(source, 10)
    _, tables = take(settings, 10)
    assert tables["orders"].partitions == (day(9).key, day(10).key)


def test_a_day_that_landed_twice_is_staged_once_and_the_repeats_are_counted(settings, source):
    land_day(source, 7)
    _, tables = take(settings)
    assert (tables["orders"].rows, tables["orders"].repeated_rows) == (7 * 12, 12)
    assert (tables["rates"].rows, tables["rates"].repeated_rows) == (7 * 4, 4)


def test_older_days_that_are_not_complete_are_left_out(settings, source):
    change_source(
        source, "DELETE FROM orders WHERE order_id = 40", "DELETE FROM landings WHERE interval_start < '2026-01-03'"
    )
    _, tables = take(settings)
    assert tables["orders"].partitions == tuple(day(number).key for number in (2, 4, 5, 6, 7))


def test_the_same_request_twice_stages_the_same_rows(settings):
    first, second = take(settings)[0], take(settings)[0]
    assert [table.digest for table in first.tables] == [table.digest for table in second.tables]
    assert partition_counts(second.tables[0].uri) == partition_counts(first.tables[0].uri)


def test_a_value_of_another_type_is_staged_as_text_for_validation_to_name(settings, source):
    change_source(source, "UPDATE orders SET amount = 'a lot' WHERE order_id = 90")
    _, tables = take(settings)
    types = {field.name: str(field.type) for field in DeltaTable(tables["orders"].uri).schema().fields}
    assert types["amount"] == 'PrimitiveType("string")'
    assert tables["orders"].columns["amount"] == "DOUBLE"


def test_a_missing_table_is_bad_data(settings, source):
    change_source(source, "DROP TABLE rates")
    with pytest.raises(BadDataError, match="table 'rates' is not in the database"):
        take(settings)


def test_a_source_that_is_down_is_named(tmp_path):
    with pytest.raises(SourceUnavailableError, match="orders_source"):
        take(make_settings(tmp_path, tmp_path / "none.sqlite"))
