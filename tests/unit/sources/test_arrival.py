"""An interval has landed when it is complete, not when it is merely non-empty."""

import pytest

from retrainer.errors import SourceUnavailableError
from retrainer.sources import arrival, open_engine
from tests.factories import change_source, day, land_day, make_config, make_settings, small_source

LATER_ROWS = {"source": {"tables": {"orders": {"complete": {"by": "later_rows"}}}}}


def look(home, path, number=7, changes=None):
    """The arrival of day `number`, by table."""
    declared = make_config(**changes or {}).source
    settings = make_settings(home, path)
    engine = open_engine(declared, connection_url=settings.connection_url, root=home)
    return {table.table: table for table in arrival(engine, declared, day(number)).tables}


def test_an_announced_day_whose_rows_are_there_is_complete(tmp_path):
    orders = look(tmp_path, small_source(tmp_path / "s.sqlite"))["orders"]
    assert (orders.rows, orders.expected_rows, orders.complete, orders.missing) == (12, 12, True, "")


def test_an_empty_day_is_awaited_for_its_announcement(tmp_path):
    orders = look(tmp_path, small_source(tmp_path / "s.sqlite"), number=8)["orders"]
    assert (orders.rows, orders.complete) == (0, False)
    assert orders.missing == "no row of 'landings' says that table 'orders' has landed"


def test_a_half_landed_day_says_how_many_rows_are_there(tmp_path):
    source = small_source(tmp_path / "s.sqlite")
    change_source(source, "DELETE FROM orders WHERE order_id >= 7 * 12 + 5")
    tables = look(tmp_path, source)
    assert tables["orders"].missing == "5 of 12 rows of table 'orders' have landed"
    assert tables["rates"].complete


def test_rows_without_an_announcement_are_not_complete(tmp_path):
    source = small_source(tmp_path / "s.sqlite")
    change_source(source, "DELETE FROM landings WHERE table_name = 'orders'")
    assert not look(tmp_path, source)["orders"].complete


def test_a_day_that_landed_twice_is_complete_and_counts_once(tmp_path):
    source = small_source(tmp_path / "s.sqlite")
    land_day(source, 7)
    orders = look(tmp_path, source)["orders"]
    assert (orders.rows, orders.expected_rows, orders.complete) == (12, 12, True)


def test_half_a_day_that_landed_twice_is_not_complete(tmp_path):
    source = small_source(tmp_path / "s.sqlite")
    half = "order_id >= 84 AND order_id < 90"
    change_source(
        source, "DELETE FROM orders WHERE order_id >= 90", f"INSERT INTO orders SELECT * FROM orders WHERE {half}"
    )
    assert look(tmp_path, source)["orders"].missing == "6 of 12 rows of table 'orders' have landed"


def test_the_newest_announcement_counts_where_the_control_table_says_when_it_came(tmp_path):
    source = small_source(tmp_path / "s.sqlite")
    change_source(
        source,
        "ALTER TABLE landings ADD COLUMN landed_at DATETIME",
        "UPDATE landings SET landed_at = '2026-01-09 00:00:00'",
        "INSERT INTO landings SELECT table_name, interval_start, interval_end, 11, '2026-01-09 01:00:00' "
        "FROM landings WHERE table_name = 'orders'",
        "DELETE FROM orders WHERE order_id = 95",
    )
    assert look(tmp_path, source)["orders"].complete


def test_a_table_that_is_not_there_is_named(tmp_path):
    source = small_source(tmp_path / "s.sqlite")
    change_source(source, "DROP TABLE rates")
    assert look(tmp_path, source)["rates"].missing == "table 'rates' is not in the database"


def test_a_renamed_event_time_is_not_waited_for_because_validation_names_it(tmp_path):
    source = small_source(tmp_path / "s.sqlite")
    change_source(source, "ALTER TABLE orders RENAME COLUMN ordered_at TO created_at")
    assert look(tmp_path, source)["orders"].complete


def test_a_missing_control_table_is_named(tmp_path):
    source = small_source(tmp_path / "s.sqlite")
    change_source(source, "DROP TABLE landings")
    assert look(tmp_path, source)["orders"].missing == "control table 'landings' is not in the database"


def test_by_later_rows_a_day_is_complete_once_the_next_has_begun(tmp_path):
    source = small_source(tmp_path / "s.sqlite")
    assert look(tmp_path, source, changes=LATER_ROWS)["orders"].missing == (
        "table 'orders' has no row at or after 2026-01-09T00:00:00+00:00 yet"
    )
    land_day(source, 8)
    assert look(tmp_path, source, changes=LATER_ROWS)["orders"].complete


def test_by_later_rows_a_day_much_smaller_than_those_weeks_before_is_not_complete(tmp_path):
    source = small_source(tmp_path / "s.sqlite", days=range(9))
    change_source(source, "DELETE FROM orders WHERE order_id >= 84 AND order_id < 91")
    assert look(tmp_path, source, changes=LATER_ROWS)["orders"].missing == (
        "5 rows of table 'orders' have landed, at least 6 are usual"
    )


def test_by_later_rows_an_empty_day_is_not_complete(tmp_path):
    source = small_source(tmp_path / "s.sqlite", days=[8])
    assert look(tmp_path, source, changes=LATER_ROWS)["orders"].missing == "table 'orders' has no row in the interval"


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%f+00:00"])
def test_times_kept_as_text_are_understood_with_and_without_t_fraction_and_zone(tmp_path, form):
    source = small_source(tmp_path / "s.sqlite")
    change_source(
        source,
        f"UPDATE orders SET ordered_at = strftime('{form}', ordered_at)",
        "UPDATE landings SET interval_start = replace(interval_start, ' ', 'T')",
    )
    assert look(tmp_path, source)["orders"].rows == 12


def test_a_source_that_is_down_is_named_and_no_file_is_made(tmp_path):
    with pytest.raises(SourceUnavailableError, match=r"^connection 'orders_source' did not answer: unable to open"):
        look(tmp_path, tmp_path / "none.sqlite")
    assert not (tmp_path / "none.sqlite").exists()
