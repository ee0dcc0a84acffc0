"""The step says what is missing, or who did not answer."""

import pytest

from retrainer.errors import DataNotReadyError, SourceUnavailableError
from retrainer.steps import wait_for_data
from tests.factories import change_source, day, make_request, make_settings, small_source


def test_a_day_that_has_landed_is_told_with_its_counts(tmp_path):
    settings = make_settings(tmp_path, small_source(tmp_path / "s.sqlite"))
    found = wait_for_data.run(make_request("wait_for_data"), settings)
    assert [(table.table, table.rows) for table in found.tables] == [("orders", 12), ("rates", 4)]


def test_what_is_missing_is_told_for_every_table(tmp_path):
    source = small_source(tmp_path / "s.sqlite")
    change_source(source, "DELETE FROM orders WHERE order_id = 90", "DELETE FROM landings WHERE table_name = 'rates'")
    with pytest.raises(DataNotReadyError) as caught:
        wait_for_data.run(make_request("wait_for_data"), make_settings(tmp_path, source))
    assert str(caught.value) == (
        "interval 2026-01-08T00:00:00Z has not landed: 11 of 12 rows of table 'orders' have landed; "
        "no row of 'landings' says that table 'rates' has landed"
    )
    assert caught.value.exit_status == 1


def test_a_source_that_is_down_may_be_tried_again(tmp_path):
    with pytest.raises(SourceUnavailableError, match="orders_source") as caught:
        wait_for_data.run(make_request("wait_for_data", interval=day(1)), make_settings(tmp_path, tmp_path / "none"))
    assert caught.value.exit_status == 1
