"""Plays the example's upstream system: lands whole local days of flights and weather, well-behaved or not."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from retrainer.contracts import Interval
from retrainer.sources.sample.tables import FLIGHTS, LANDINGS, UPSTREAM_FLIGHTS, UPSTREAM_WEATHER, WEATHER

ZONE = ZoneInfo("America/New_York")
_LOG = logging.getLogger(__name__)
_FEEDS = ((UPSTREAM_FLIGHTS, FLIGHTS, "scheduled_departure"), (UPSTREAM_WEATHER, WEATHER, "observed_at"))

Mishap = Literal["half", "twice"]
"""half: only half of the rows come, though all are announced. twice: every row, and the announcement, come twice."""


@dataclass(frozen=True)
class Landed:
    """What was announced for one table and one day."""

    table: str
    interval: Interval
    rows: int


def local_days(first: date, last: date) -> Iterator[Interval]:
    """The days from `first` to `last` (both included) in New York, as intervals in UTC."""
    day = first
    while day <= last:
        following = day + timedelta(days=1)
        yield Interval(start=_midnight(day), end=_midnight(following))
        day = following


def land(engine: sa.Engine, first: date, last: date, *, mishap: Mishap | None = None) -> list[Landed]:
    """Land the days from `first` to `last` (both included): rows, then their announcement; one transaction a day.

    Landing a day again replaces it. `engine` is one of `open_database`.
    """
    landed: list[Landed] = []
    for interval in local_days(first, last):
        with engine.begin() as connection:
            landed += [_land(connection, index, interval, mishap) for index in range(len(_FEEDS))]
    _LOG.info("%s to %s landed: %d rows", first, last, sum(each.rows for each in landed))
    return landed


def rename_column(engine: sa.Engine, table: str, column: str, to: str) -> None:
    """Rename a column of a landed table, as an upstream team does without telling anyone. Renamed already: nothing."""
    with engine.begin() as connection:
        names = _columns(connection, table)
        if column in names and to not in names:
            quote = connection.dialect.identifier_preparer.quote
            connection.exec_driver_sql(
                f"ALTER TABLE {quote(table)} RENAME COLUMN {quote(column)} TO {quote(to)}"  # names are quoted
            )


def restore_column(engine: sa.Engine, table: str, column: str, renamed_to: str) -> None:
    """Undo `rename_column(engine, table, column, renamed_to)`."""
    rename_column(engine, table, renamed_to, column)


def _land(connection: sa.Connection, index: int, interval: Interval, mishap: Mishap | None) -> Landed:
    upstream, target, event_time = _FEEDS[index]
    # A renamed column keeps its place: columns are matched by place, and only the event time by name.
    columns = _columns(connection, target.name)
    place = upstream.columns.keys().index(event_time)
    landed_time: sa.ColumnClause[datetime] = sa.column(columns[place], upstream.c[event_time].type)
    rows = sa.select(*upstream.columns).where(_within(upstream.c[event_time], interval))
    destination = sa.table(target.name, *(sa.column(name) for name in columns))
    connection.execute(sa.delete(destination).where(_within(landed_time, interval)))
    connection.execute(
        sa.delete(LANDINGS).where(
            LANDINGS.c.table_name == target.name,
            LANDINGS.c.interval_start == interval.start,
            LANDINGS.c.interval_end == interval.end,
        )
    )
    announced = int(connection.scalar(sa.select(sa.func.count()).select_from(rows.subquery())) or 0)
    sent = rows.order_by(*upstream.columns).limit(announced // 2) if mishap == "half" else rows
    for _ in range(2 if mishap == "twice" else 1):
        connection.execute(sa.insert(destination).from_select(columns, sent))
        connection.execute(
            sa.insert(LANDINGS).values(
                table_name=target.name,
                interval_start=interval.start,
                interval_end=interval.end,
                row_count=announced,
            )
        )
    return Landed(target.name, interval, announced)


def _within(column: sa.ColumnElement[datetime], interval: Interval) -> sa.ColumnElement[bool]:
    return sa.and_(column >= interval.start, column < interval.end)


def _columns(connection: sa.Connection, table: str) -> list[str]:
    return [column["name"] for column in sa.inspect(connection).get_columns(table)]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=ZONE).astimezone(UTC)
