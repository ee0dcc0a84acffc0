"""The tasks of sample_feed, on a small database of the upstream system."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowFailException

from retrainer.airflow.sample import feed_params, land_days, rename
from retrainer.sources.sample import open_database
from retrainer.sources.sample.tables import METADATA, UPSTREAM_FLIGHTS, UPSTREAM_WEATHER
from tests.dags.conftest import PROJECT


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One flight at noon (UTC) of each of three days, none of them landed."""
    path = tmp_path / "upstream.db"
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_SOURCE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    engine = open_database(f"sqlite:///{path}")
    with engine.begin() as connection:
        METADATA.create_all(connection)
        for day in (26, 27, 28):
            noon = datetime(2013, 5, day, 12, tzinfo=UTC)
            connection.execute(UPSTREAM_FLIGHTS.insert().values(flight_id=day, scheduled_departure=noon, dest="ORD"))
            connection.execute(UPSTREAM_WEATHER.insert().values(origin="JFK", observed_at=noon, temp=60.0))
    engine.dispose()
    yield path
    from airflow.sdk.execution_time.cache import SecretCache

    SecretCache.reset()


def form(**given: object) -> dict[str, object]:
    return {name: param.value for name, param in feed_params().items()} | given


def landed(database: Path, column: str = "flight_id") -> list[object]:
    connection = sqlite3.connect(database)
    rows = connection.execute(f"select {column} from flights order by 1").fetchall()
    connection.close()
    return [row[0] for row in rows]


def test_the_days_of_the_form_land_and_the_end_of_the_last_one_is_told(database: Path) -> None:
    as_of = land_days(form(**{"from": "2013-05-26", "to": "2013-05-28"}), str(PROJECT))

    assert landed(database) == [26, 27]
    assert as_of == "2013-05-28T04:00:00+00:00"


def test_without_a_last_day_one_day_lands(database: Path) -> None:
    assert land_days(form(**{"from": "2013-05-27"}), str(PROJECT)) == "2013-05-28T04:00:00+00:00"
    assert landed(database) == [27]


def test_an_empty_form_lands_nothing(database: Path) -> None:
    assert land_days(form(), str(PROJECT)) is None
    assert landed(database) == []


@pytest.mark.parametrize("days", [{"to": "2013-05-28"}, {"from": "2013-05-28", "to": "2013-05-28"}])
def test_days_that_are_not_in_order_fail_for_good(days: dict[str, str], database: Path) -> None:
    with pytest.raises(AirflowFailException, match="'from' must be given and lie before 'to'"):
        land_days(form(**days), str(PROJECT))


def test_every_row_may_come_twice(database: Path) -> None:
    land_days(form(**{"from": "2013-05-26", "mishap": "twice"}), str(PROJECT))

    assert landed(database) == [26, 26]


def test_a_column_is_renamed_and_repaired(database: Path) -> None:
    land_days(form(**{"from": "2013-05-26"}), str(PROJECT))

    rename(form(rename="dest:destination"), str(PROJECT))
    assert landed(database, "destination") == ["ORD"]

    rename(form(rename="destination:dest"), str(PROJECT))
    assert landed(database, "dest") == ["ORD"]


def test_an_empty_form_renames_nothing(database: Path) -> None:
    rename(form(), str(PROJECT))

    assert landed(database, "dest") == []
