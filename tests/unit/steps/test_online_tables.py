"""Online tables: published by build_features, refreshed from the source between two runs."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import OnlineRefresh
from retrainer.errors import BadDataError, ConfigurationError, SourceUnavailableError
from retrainer.online import OnlineTables, definitions, key_columns, online_uri
from retrainer.online.publish import published
from retrainer.steps import build_features, refresh_online, snapshot, validate_data
from tests.factories import change_source, day, land_day, make_config, make_request, make_settings, small_source

SERVED: dict[str, Any] = {"serving": {}}
HOUR = timedelta(hours=1)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return small_source(tmp_path / "source.sqlite", days=range(8))


@pytest.fixture
def settings(tmp_path: Path, source: Path) -> RuntimeSettings:
    return make_settings(tmp_path, source)


def train(settings: RuntimeSettings, number: int, config: ModelConfig | None = None) -> None:
    """The data steps of the run whose interval is day `number`."""
    config, interval = config or make_config(**SERVED), day(number)
    staged = snapshot.run(make_request("snapshot", config, interval=interval), settings)
    report = validate_data.run(
        make_request("validate_data", config, interval=interval, inputs={"snapshot": staged}), settings
    )
    request = make_request("build_features", config, interval=interval, inputs={"validate_data": report})
    build_features.run(request, settings)


def refresh(settings: RuntimeSettings, as_of: datetime, config: ModelConfig | None = None) -> OnlineRefresh:
    config = config or make_config(**SERVED)
    request = make_request("refresh_online", config, interval=config.schedule.interval_before(as_of))
    return refresh_online.run(request.model_copy(update={"as_of": as_of}), settings)


def known(settings: RuntimeSettings, region: str, ordered: datetime) -> dict[str, float | None]:
    """What a server knows of an order of a region at a time."""
    columns = {
        "region": np.array([region], object),
        "ordered_at": np.array([ordered.replace(tzinfo=None)], "datetime64[us]"),
    }
    names = ("rates__rate", "region_late")
    nothing = {name: np.array([np.nan]) for name in names}
    tables = OnlineTables(Path(online_uri(settings.data_uri, "order_late")))
    filled = tables.fill({**columns, **nothing}, dict.fromkeys(names, np.array([True])))
    return {name: None if np.isnan(filled[name][0]) else float(filled[name][0]) for name in names}


def as_of_by_table(settings: RuntimeSettings) -> dict[str, datetime]:
    return {name.table: name.as_of for name in published(online_uri(settings.data_uri, "order_late"))}


def test_build_features_publishes_what_is_known_when_its_interval_ends(settings: RuntimeSettings) -> None:
    train(settings, 7)

    assert as_of_by_table(settings) == {"lookup-rates": day(7).end, "window-region_late": day(7).end}
    # Noon's rate of day 7 is published at 13:00 and counts until 18:00. Of the orders of the day before only one from
    # the north was paid by midnight, number 80, and at once.
    assert known(settings, "north", day(7).start + 13 * HOUR) == {"rates__rate": 8.2, "region_late": 0.0}
    assert known(settings, "south", day(7).start + 13 * HOUR) == {"rates__rate": 8.3, "region_late": None}
    assert known(settings, "north", day(7).start + 18 * HOUR)["rates__rate"] == 8.2
    assert known(settings, "north", day(7).start + 19 * HOUR)["rates__rate"] is None


def test_windows_count_for_the_interval_that_begins_and_for_no_later_one(settings: RuntimeSettings) -> None:
    config = make_config(**SERVED, source={"label": {"known_at": None, "known_after": "0s"}})
    train(settings, 7, config)

    # Days to pay of the north's orders 84, 86 .. 94 are 4, 6, 8, 0, 2, 4: two of six are later than 5.
    assert known(settings, "north", day(8).start)["region_late"] == pytest.approx(2 / 6)
    assert known(settings, "north", day(8).end - timedelta(microseconds=1))["region_late"] == pytest.approx(2 / 6)
    assert known(settings, "north", day(8).end)["region_late"] is None
    # The day before is answered still, from the orders of the day before that: 72, 74 .. 82, so 2, 4, 6, 8, 0, 2.
    assert known(settings, "north", day(7).end - HOUR)["region_late"] == pytest.approx(2 / 6)
    assert known(settings, "north", day(7).start - HOUR)["region_late"] is None


def test_a_model_that_is_not_served_has_no_online_tables(settings: RuntimeSettings) -> None:
    train(settings, 7, make_config())

    assert as_of_by_table(settings) == {}


def test_a_backfill_leaves_newer_tables_alone(settings: RuntimeSettings) -> None:
    train(settings, 7)
    folder = Path(online_uri(settings.data_uri, "order_late"))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    train(settings, 6)

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_next_run_takes_over(settings: RuntimeSettings, source: Path) -> None:
    train(settings, 7)
    land_day(source, 8)
    train(settings, 8)

    assert set(as_of_by_table(settings).values()) == {day(8).end}
    assert len(list(Path(online_uri(settings.data_uri, "order_late")).iterdir())) == 2


def test_a_refresh_brings_what_has_come_into_the_source_since(settings: RuntimeSettings, source: Path) -> None:
    train(settings, 7)
    change_source(source, "INSERT INTO rates VALUES ('north', '2026-01-09 06:00:00.000000', 99.0)")
    as_of = day(8).start + 8 * HOUR

    result = refresh(settings, as_of)

    assert [(table.name, table.as_of, table.published) for table in result.tables] == [("lookup-rates", as_of, True)]
    assert result.message == ""
    assert known(settings, "north", as_of)["rates__rate"] == 99.0
    assert known(settings, "north", day(8).start + 6 * HOUR)["rates__rate"] is None  # published an hour later
    assert known(settings, "south", day(7).start + 14 * HOUR)["rates__rate"] == 8.3  # of the day before


def test_a_refresh_does_not_look_beyond_its_as_of(settings: RuntimeSettings, source: Path) -> None:
    change_source(source, "INSERT INTO rates VALUES ('north', '2026-01-09 06:00:00.000000', 99.0)")
    refresh(settings, day(8).start + 6 * HOUR)

    assert known(settings, "north", day(8).start + 8 * HOUR)["rates__rate"] is None


def test_a_refresh_makes_the_windows_of_a_new_interval_where_no_run_has_made_them(settings: RuntimeSettings) -> None:
    config = make_config(**SERVED, source={"label": {"known_at": None, "known_after": "0s"}})
    result = refresh(settings, day(8).start + 7 * HOUR, config)

    assert [table.name for table in result.tables] == ["lookup-rates", "window-region_late"]
    assert as_of_by_table(settings)["window-region_late"] == day(8).start
    assert known(settings, "north", day(8).start + 7 * HOUR)["region_late"] == pytest.approx(2 / 6)


def test_windows_of_a_refresh_and_of_a_run_are_the_same_bytes(settings: RuntimeSettings) -> None:
    config = make_config(**SERVED, source={"label": {"known_at": None, "known_after": "0s"}})
    folder = Path(online_uri(settings.data_uri, "order_late"))
    refresh(settings, day(7).end, config)
    refreshed = {path.name: path.read_bytes() for path in folder.iterdir()}
    for path in folder.iterdir():
        path.unlink()
    train(settings, 7, config)

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == refreshed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("DELETE FROM landings WHERE table_name = 'orders' AND interval_start >= '2026-01-08'", "has not landed"),
        ("DELETE FROM orders WHERE order_id = 90", "has not landed"),
        ("UPDATE orders SET amount = 'much' WHERE order_id = 90", "1 rows of table 'orders' are not of their declared"),
        ("UPDATE orders SET order_id = 89 WHERE order_id = 90", "2 rows of table 'orders' are not of their declared"),
    ],
    ids=["not announced", "not all there", "wrong type", "key twice"],
)
def test_windows_wait_for_a_whole_and_sound_interval(
    settings: RuntimeSettings, source: Path, change: str, message: str
) -> None:
    refresh(settings, day(7).start)
    change_source(source, change)

    result = refresh(settings, day(8).start + HOUR)

    assert message in result.message
    assert as_of_by_table(settings) == {"lookup-rates": day(8).start + HOUR, "window-region_late": day(7).start}


def test_windows_wait_for_an_interval_that_a_run_has_set_aside(settings: RuntimeSettings, source: Path) -> None:
    change_source(source, "UPDATE orders SET amount = NULL WHERE order_id >= 84")
    with pytest.raises(BadDataError):
        train(settings, 7)

    result = refresh(settings, day(8).start + HOUR)

    assert f"interval {day(7).key} of table 'orders' was set aside" in result.message


def test_looked_up_intervals_that_a_run_has_set_aside_do_not_count(settings: RuntimeSettings, source: Path) -> None:
    as_of = day(8).start + HOUR
    refresh(settings, as_of)
    assert known(settings, "north", day(7).start + 14 * HOUR)["rates__rate"] == 8.2
    change_source(source, "UPDATE rates SET rate = NULL WHERE at >= '2026-01-08'")
    with pytest.raises(BadDataError):
        train(settings, 7)

    refresh(settings, as_of + HOUR)

    assert known(settings, "north", day(7).start + 14 * HOUR)["rates__rate"] is None
    assert known(settings, "north", day(7).start + HOUR)["rates__rate"] is None


def test_looked_up_rows_that_are_not_of_their_declared_type_are_left_out(
    settings: RuntimeSettings, source: Path
) -> None:
    change_source(source, "UPDATE rates SET rate = 'dear' WHERE at = '2026-01-08 12:00:00.000000' AND region = 'north'")

    result = refresh(settings, day(8).start)

    assert result.left_out == 1
    assert known(settings, "north", day(7).start + 14 * HOUR)["rates__rate"] is None
    assert known(settings, "south", day(7).start + 14 * HOUR)["rates__rate"] == 8.3


def test_exact_repeats_in_the_source_count_once(settings: RuntimeSettings, source: Path) -> None:
    config = make_config(
        **SERVED,
        source={"label": {"known_at": None, "known_after": "0s"}},
        features={"windows": {"region_late": {"by": ["region"], "value": "label", "aggregate": "sum", "over": "1d"}}},
    )
    change_source(source, "INSERT INTO orders SELECT * FROM orders WHERE order_id >= 84")
    refresh(settings, day(8).start, config)

    assert known(settings, "north", day(8).start)["region_late"] == 2.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("ALTER TABLE rates RENAME COLUMN rate TO rates", "table 'rates' has no column 'rate'; did you mean 'rates'?"),
        ("DROP TABLE rates", "table 'rates' is not in the database"),
    ],
)
def test_a_source_that_has_changed_stops_the_refresh_and_what_is_there_stays(
    settings: RuntimeSettings, source: Path, change: str, message: str
) -> None:
    refresh(settings, day(7).end)
    change_source(source, change)

    with pytest.raises(BadDataError, match=message):
        refresh(settings, day(8).start + HOUR)

    assert set(as_of_by_table(settings).values()) == {day(7).end}


def test_a_column_of_another_type_stops_the_refresh(settings: RuntimeSettings) -> None:
    config = make_config(**SERVED, source={"tables": {"rates": {"columns": {"rate": "string"}}}})

    with pytest.raises(BadDataError, match="column 'rate' of table 'rates' must be string, found double"):
        refresh(settings, day(7).end, config)


def test_a_source_that_does_not_answer_may_answer_later(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, tmp_path / "missing.sqlite")

    with pytest.raises(SourceUnavailableError):
        refresh(settings, day(7).end)


def test_a_connection_that_nobody_knows_is_a_mistake(settings: RuntimeSettings) -> None:
    with pytest.raises(ConfigurationError, match="elsewhere"):
        refresh(settings, day(7).end, make_config(**SERVED, source={"connection": "elsewhere"}))


def test_after_the_schedule_there_is_nothing_to_refresh(settings: RuntimeSettings) -> None:
    config = make_config(**SERVED, schedule={"end": "2026-01-08"})
    train(settings, 6, config)
    before = as_of_by_table(settings)

    result = refresh(settings, day(300).start, config)

    assert result == OnlineRefresh(tables=(), message="the schedule ended on 2026-01-08")
    assert as_of_by_table(settings) == before != {}


def test_a_model_that_looks_nothing_up_has_nothing_to_refresh(settings: RuntimeSettings) -> None:
    nothing = {"lookups": {}, "windows": {}, "numeric": ("amount",)}
    config = make_config(**SERVED).model_copy(update={"features": make_config().features.model_copy(update=nothing)})

    assert refresh(settings, day(7).end, config) == OnlineRefresh(tables=())
    assert key_columns(config) == ()


def test_a_definition_changes_with_what_decides_which_row_counts_and_with_nothing_else() -> None:
    def changed(**changes: Any) -> set[str]:
        before, after = definitions(make_config()), definitions(make_config(**changes))
        return {name for name in before if before[name] != after[name]}

    rates = {"table": "rates", "by": ["region"], "columns": ["rate"], "delay": "1h", "max_age": "6h"}
    assert changed(seed=8) == set()
    assert changed(features={"lookups": {"rates": {**rates, "columns": ["rate", "at"]}}}) == set()
    assert changed(features={"lookups": {"rates": {**rates, "max_age": "7h"}}}) == {"lookup-rates"}
    assert changed(schedule={"timezone": "Europe/Zurich"}) == {"window-region_late"}
    assert changed(source={"label": {"expression": "days_to_pay > 6"}}) == {"window-region_late"}
    assert key_columns(make_config()) == ("ordered_at", "region")
