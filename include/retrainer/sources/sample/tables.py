"""Tables of the example's upstream system: what will happen (`upstream_*`), and what has landed so far."""

import sqlite3
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from retrainer.sources.engine import BUSY_SECONDS, parse_url, resolve_sqlite

METADATA = sa.MetaData()
_MOMENT = sa.DateTime(timezone=True)


def _flights(name: str) -> sa.Table:
    return sa.Table(
        name,
        METADATA,
        sa.Column("flight_id", sa.Integer, autoincrement=False),
        sa.Column("scheduled_departure", _MOMENT, index=True),
        sa.Column("scheduled_arrival", _MOMENT),
        sa.Column("carrier", sa.String),
        sa.Column("flight", sa.Integer),
        sa.Column("tailnum", sa.String),
        sa.Column("origin", sa.String),
        sa.Column("dest", sa.String),
        sa.Column("distance", sa.Float),
        sa.Column("departure_delay", sa.Float),
        sa.Column("arrival_delay", sa.Float),
        sa.Column("arrived_at", _MOMENT),
    )


def _weather(name: str) -> sa.Table:
    numbers = ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib")
    return sa.Table(
        name,
        METADATA,
        sa.Column("origin", sa.String),
        sa.Column("observed_at", _MOMENT, index=True),
        *(sa.Column(number, sa.Float) for number in numbers),
    )


UPSTREAM_FLIGHTS = _flights("upstream_flights")
"""One row is one scheduled flight. Times are UTC, delays in minutes, distance in miles; arrival null: it never did."""
UPSTREAM_WEATHER = _weather("upstream_weather")
"""One row is one airport's weather at one hour (UTC): Fahrenheit, per cent, miles per hour, inches, millibars."""
FLIGHTS = _flights("flights")
WEATHER = _weather("weather")
LANDINGS = sa.Table(
    "landings",
    METADATA,
    sa.Column("table_name", sa.String, nullable=False),
    sa.Column("interval_start", _MOMENT, nullable=False),
    sa.Column("interval_end", _MOMENT, nullable=False),
    sa.Column("row_count", sa.Integer, nullable=False),
    sa.Index("ix_landings", "table_name", "interval_start"),
)
"""One row says how many rows of one interval have been sent to one table."""


def open_database(url: str, *, root: Path | None = None) -> sa.Engine:
    """An engine that may write to the example's database at `url`; a SQLite file is made where there is none.

    SQLite: a transaction takes the write lock when it begins and holds definitions too; readers go on meanwhile.

    Raises:
        ConfigurationError: `url` is not a SQLAlchemy URL.
    """
    parsed = parse_url(url, name="the example's database")
    if parsed.get_backend_name() != "sqlite":
        return sa.create_engine(parsed, poolclass=NullPool, hide_parameters=True)
    resolved = resolve_sqlite(parsed, root or Path.cwd())
    if resolved.database:
        Path(resolved.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(resolved, poolclass=NullPool, connect_args={"timeout": BUSY_SECONDS})

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # no BEGIN of the driver's own
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
