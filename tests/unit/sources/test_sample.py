"""The example's upstream system: 336,776 real flights, landed by local days."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from retrainer.sources.sample import land, load_flights, local_days, open_database, rename_column, restore_column
from retrainer.sources.sample.load import data_folder, first_arrival, read_zones

LOAD = "import sys; from retrainer.sources.sample import load_flights; load_flights(sys.argv[1])"


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    path = tmp_path_factory.mktemp("sample") / "flights.sqlite"
    assert load_flights(f"sqlite:///{path}")
    return path


@pytest.fixture
def database(loaded, tmp_path):
    """A copy of the loaded database, to land into."""
    path = tmp_path / "flights.sqlite"
    with closing(sqlite3.connect(loaded)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
    return path


def ask(path, query):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def test_all_flights_and_weather_are_loaded_once(loaded):
    assert not load_flights(f"sqlite:///{loaded}")
    assert ask(loaded, "SELECT count(*), count(DISTINCT flight_id) FROM upstream_flights") == [(336_776, 336_776)]
    assert ask(loaded, "SELECT count(*) FROM (SELECT DISTINCT origin, observed_at FROM upstream_weather)") == [
        (26_115,)
    ]


def test_the_first_flight_of_the_year_is_as_in_the_timetable(loaded):
    row = ask(
        loaded, "SELECT scheduled_departure, scheduled_arrival, arrived_at FROM upstream_flights WHERE flight_id = 1"
    )
    # 5:15 in Newark, 8:19 in Houston (an hour behind), 11 minutes late.
    assert row == [("2013-01-01 10:15:00.000000", "2013-01-01 14:19:00.000000", "2013-01-01 14:30:00.000000")]


def test_every_flight_is_scheduled_for_between_half_an_hour_and_twelve_hours(loaded):
    minutes = "(julianday(scheduled_arrival) - julianday(scheduled_departure)) * 1440"
    assert ask(loaded, f"SELECT count(*) FROM upstream_flights WHERE NOT {minutes} BETWEEN 30 AND 720") == [(0,)]


def test_a_flight_that_never_arrived_has_no_arrival(loaded):
    query = "SELECT count(*) FROM upstream_flights WHERE (arrival_delay IS NULL) <> (arrived_at IS NULL)"
    assert ask(loaded, query) == [(0,)]
    assert ask(loaded, "SELECT count(*) FROM upstream_flights WHERE arrived_at IS NULL") == [(9_430,)]


@pytest.mark.parametrize(
    ("departure", "clock", "zone", "expected"),
    [
        (datetime(2013, 1, 1, 23, 59, tzinfo=UTC), 2359, "UTC", datetime(2013, 1, 2, 23, 59, tzinfo=UTC)),
        (datetime(2013, 1, 1, 14, tzinfo=UTC), 2400, "America/New_York", datetime(2013, 1, 2, 5, tzinfo=UTC)),
        (datetime(2013, 1, 1, 15, tzinfo=UTC), 1430, "Pacific/Honolulu", datetime(2013, 1, 2, 0, 30, tzinfo=UTC)),
    ],
    ids=["a day later", "midnight", "Honolulu"],
)
def test_a_flight_arrives_at_the_first_such_moment_after_its_departure(departure, clock, zone, expected):
    assert first_arrival(departure, clock, ZoneInfo(zone)) == expected


def test_airports_that_the_list_lacks_have_a_time_zone():
    zones = read_zones(data_folder())
    assert {zones[name].key for name in ("BQN", "PSE", "SJU", "STT")} == {"America/Puerto_Rico"}


def test_a_load_that_was_killed_leaves_nothing_and_is_done_again(tmp_path):
    path = tmp_path / "flights.sqlite"
    child = subprocess.Popen([sys.executable, "-c", LOAD, f"sqlite:///{path}"])
    try:
        wal = tmp_path / "flights.sqlite-wal"
        deadline = time.monotonic() + 60
        while not (wal.exists() and wal.stat().st_size > 2**20):
            assert time.monotonic() < deadline, "the load did not begin to write"
            assert child.poll() is None
            time.sleep(0.005)
        os.kill(child.pid, signal.SIGKILL)
    finally:
        child.kill()
        child.wait()
    assert ask(path, "SELECT count(*) FROM sqlite_master") == [(0,)]
    assert load_flights(f"sqlite:///{path}")
    assert ask(path, "SELECT count(*) FROM upstream_flights") == [(336_776,)]


def test_a_day_lands_with_its_announcement_and_landing_it_again_changes_nothing(database):
    engine = open_database(f"sqlite:///{database}")
    landed = land(engine, date(2013, 1, 1), date(2013, 1, 2))
    once = [ask(database, f"SELECT * FROM {table} ORDER BY 1, 2") for table in ("flights", "weather", "landings")]
    assert [(each.table, each.rows) for each in landed] == [
        ("flights", 842),
        ("weather", 67),
        ("flights", 943),
        ("weather", 72),
    ]
    assert ask(database, "SELECT row_count FROM landings WHERE table_name = 'flights'") == [(842,), (943,)]
    land(engine, date(2013, 1, 1), date(2013, 1, 2))
    again = [ask(database, f"SELECT * FROM {table} ORDER BY 1, 2") for table in ("flights", "weather", "landings")]
    assert again == once


def test_days_have_23_and_25_hours_when_the_clocks_change():
    hours = [
        (each.end - each.start).total_seconds() / 3600
        for day in (date(2013, 3, 10), date(2013, 11, 3), date(2013, 6, 1))
        for each in local_days(day, day)
    ]
    assert hours == [23, 25, 24]


def test_half_a_day_is_announced_as_a_whole_one(database):
    land(open_database(f"sqlite:///{database}"), date(2013, 1, 1), date(2013, 1, 1), mishap="half")
    assert ask(database, "SELECT count(*) FROM flights") == [(421,)]
    assert ask(database, "SELECT row_count FROM landings WHERE table_name = 'flights'") == [(842,)]


def test_a_day_may_land_twice(database):
    land(open_database(f"sqlite:///{database}"), date(2013, 1, 1), date(2013, 1, 1), mishap="twice")
    assert ask(database, "SELECT count(*), count(DISTINCT flight_id) FROM flights") == [(1684, 842)]


def test_a_day_lands_under_a_renamed_column_and_the_name_can_be_restored(database):
    engine = open_database(f"sqlite:///{database}")
    rename_column(engine, "flights", "dest", "destination")
    rename_column(engine, "flights", "dest", "destination")
    land(engine, date(2013, 1, 1), date(2013, 1, 1))
    assert ask(database, "SELECT destination FROM flights WHERE flight_id = 1") == [("IAH",)]
    restore_column(engine, "flights", "dest", "destination")
    assert ask(database, "SELECT dest FROM flights WHERE flight_id = 1") == [("IAH",)]
