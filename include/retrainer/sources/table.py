"""A table as the source has it now: its columns, and which of its rows lie in an interval."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.types import TypeEngine

from retrainer.config.source import Table
from retrainer.contracts import Interval

_SECONDS = "%Y-%m-%d{separator}%H:%M:%S"


@dataclass(frozen=True)
class SourceTable:
    """One declared table, looked up in the database. `columns` are all its columns with the types it reports."""

    name: str
    declared: Table
    clause: sa.TableClause
    columns: Mapping[str, TypeEngine[object]]
    moments: "Moments | None"
    """How its event times compare with moments; None where they cannot: the column is missing or of another type."""

    def within(self, interval: Interval) -> sa.ColumnElement[bool]:
        """The condition that a row's event lies in `interval`; false for all rows where that cannot be told."""
        if self.moments is None:
            return sa.false()
        return sa.and_(self.moments.at_or_after(interval.start), self.moments.before(interval.end))


@dataclass(frozen=True)
class Moments:
    """Comparisons of a timestamp column with aware moments, in the way in which the database keeps it.

    `text` is one value of the column where it is kept as ISO 8601 text in UTC, as in SQLite; `naive` says that the
    column has no time zone and is UTC.
    """

    column: sa.ColumnClause[object]
    text: str | None = None
    naive: bool = True

    def at_or_after(self, moment: datetime) -> sa.ColumnElement[bool]:
        """column >= moment."""
        return self.column >= self._bound(moment)

    def before(self, moment: datetime) -> sa.ColumnElement[bool]:
        """column < moment."""
        return self.column < self._bound(moment)

    def _bound(self, moment: datetime) -> sa.ColumnElement[object]:
        utc = moment.astimezone(UTC)
        if self.text is not None:
            separator = "T" if self.text[10:11] == "T" else " "
            # To the second or shorter: a prefix sorts before every longer text that starts with it.
            return sa.literal(utc.strftime(_SECONDS.format(separator=separator))[: len(self.text)], sa.String())
        return sa.literal(utc.replace(tzinfo=None) if self.naive else utc, self.column.type)


def find_table(connection: sa.Connection, name: str, declared: Table) -> SourceTable | None:
    """The declared table `name` in the database, or None where there is no such table or view."""
    clause = table_clause(declared.name or name)
    try:
        found = sa.inspect(connection).get_columns(clause.name, schema=clause.schema)
    except NoSuchTableError:
        return None
    columns: dict[str, TypeEngine[object]] = {column["name"]: column["type"] for column in found}
    moments = find_moments(connection, clause, declared.event_time, columns.get(declared.event_time))
    return SourceTable(name, declared, clause, columns, moments)


def table_clause(name: str) -> sa.TableClause:
    """A table by its name in the database, `schema.table` or `table`."""
    schema, _, table = name.rpartition(".")
    return sa.table(table, schema=schema or None)


def find_moments(
    connection: sa.Connection, clause: sa.TableClause, column: str, sql_type: TypeEngine[object] | None
) -> Moments | None:
    """How to compare a column with moments; None where it is missing or not a time."""
    if sql_type is None:
        return None
    if connection.dialect.name == "sqlite" or isinstance(sql_type, sa.String):
        raw: sa.ColumnClause[object] = sa.column(column)
        value = connection.scalar(sa.select(raw).select_from(clause).where(raw.is_not(None)).limit(1))
        return Moments(raw, text=value or "") if isinstance(value, str | None) else None
    if isinstance(sql_type, sa.DateTime):
        return Moments(sa.column(column, sql_type), naive=not sql_type.timezone)
    return None
