"""Where the rows come from: a database, its tables, their times and keys, and the label."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal, Self
from urllib.parse import unquote

from pydantic import Field, JsonValue, field_validator, model_validator

from retrainer.config.expectation_types import EXPECTATION_TYPES
from retrainer.config.expression import expression_mistake
from retrainer.config.near_miss import one_of, unknown
from retrainer.config.section import (
    ColumnName,
    ConnectionId,
    Duration,
    Fraction,
    Identifier,
    Length,
    Mistake,
    Real,
    Section,
    SomeColumns,
    TableName,
    Text,
    Whole,
    refuse,
)
from retrainer.contracts.columns import INTERVAL

ColumnType = Literal["string", "integer", "float", "boolean", "timestamp"]


class Manifest(Section):
    """An interval is complete when a control table of the source says how many rows it has, and they are there."""

    by: Literal["manifest"]
    """A control table says so."""
    table: TableName
    """Table with one row for each landed interval: table_name, interval_start, interval_end (UTC), row_count."""


class LaterRows(Section):
    """An interval is complete when rows after its end have landed and it is not suspiciously small."""

    by: Literal["later_rows"]
    """Rows of later intervals say so."""
    min_share: Fraction = 0.5
    """At least this share of the median row count of the weeks before, 0 to 1."""
    weeks: Whole = Field(default=4, ge=1, le=52)
    """How many weeks before are looked at."""


Completeness = Annotated[Manifest | LaterRows, Field(discriminator="by")]


class Freshness(Section):
    """How close to the interval's end its last row must be."""

    max_gap: Length
    """Longest time between the last event and the end of the interval, such as 6h."""


class RowCount(Section):
    """Bounds on the interval's row count, relative to the last weeks."""

    min_share: Fraction = 0.5
    """Fewer rows than this share of the median of the last weeks fail."""
    max_share: Real = Field(default=2.0, ge=1, le=1000)
    """More rows than this multiple of the median of the last weeks fail."""
    weeks: Whole = Field(default=4, ge=1, le=52)
    """How many weeks before are looked at; the same weekday where there are at least two."""


class Expectation(Section):
    """One Great Expectations expectation on the rows of a table."""

    type: Annotated[str, Field(json_schema_extra={"enum": list(EXPECTATION_TYPES)})]
    """Any expectation type of Great Expectations, such as expect_column_values_to_be_between."""
    kwargs: dict[str, JsonValue] = Field(default_factory=dict)
    """Its arguments, such as column, min_value, max_value, mostly."""
    severity: Literal["critical", "warning"] = "critical"
    """critical stops the run and quarantines the interval; warning goes on record."""

    @field_validator("type")
    @classmethod
    def _known(cls, value: str) -> str:
        return one_of(value, EXPECTATION_TYPES, what="expectation")

    def columns(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Each column it is about, behind its key within kwargs."""
        for name in ("column", "column_A", "column_B"):
            if isinstance(column := self.kwargs.get(name), str):
                yield (name,), column
        listed = self.kwargs.get("column_list")
        if isinstance(listed, list) and not self.type.startswith("expect_table_"):
            yield from (
                (("column_list", index), column) for index, column in enumerate(listed) if isinstance(column, str)
            )


class Table(Section):
    """One table of the source and what must hold for its rows."""

    name: TableName | Literal[""] = ""
    """Name in the database, schema.table where needed; empty: the key it is declared under."""
    event_time: ColumnName
    """Timestamp column (UTC) that places a row in an interval."""
    key: SomeColumns
    """Columns that identify a row. A repeat of a key is a critical failure; an exact repeat of a row is dropped."""
    columns: Annotated[dict[ColumnName, ColumnType], Field(min_length=1)]
    """Columns that are kept, with their types. Others are ignored and noted."""
    complete: Completeness
    """How to tell that an interval has landed as a whole."""
    freshness: Freshness | None = None
    """How close to the interval's end its last row must be; leave out for tables without a steady flow."""
    row_count: RowCount = RowCount()
    """Bounds on the interval's row count, relative to the last weeks."""
    expectations: tuple[Expectation, ...] = ()
    """Great Expectations expectations on the rows of an interval."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse("Table", self._mistakes())
        return self

    def _mistakes(self) -> Iterator[Mistake]:
        event_time = unknown(self.event_time, self.columns, what="column")
        if event_time:
            yield ("event_time",), event_time
        elif self.columns[self.event_time] != "timestamp":
            yield ("event_time",), f"column {self.event_time!r} must be of type timestamp under columns"
        for index, column in enumerate(self.key):
            message = unknown(column, self.columns, what="column")
            if message:
                yield ("key", index), message
        seen = {INTERVAL: "the partition of every snapshot"}
        for column in self.columns:
            if column.casefold() in seen:
                yield (
                    ("columns", column),
                    f"the name is taken: {column!r} is {seen[column.casefold()]}, upper or lower case",
                )
            seen[column.casefold()] = "another column"
        for index, expectation in enumerate(self.expectations):
            for key, column in expectation.columns():
                message = unknown(column, self.columns, what="column")
                if message:
                    yield ("expectations", index, "kwargs", *key), message


class Label(Section):
    """What is predicted, and when it becomes known."""

    expression: Text
    """SQL expression (DuckDB) over the columns of the row table, such as `arrival_delay > 15`; null where unknown."""
    known_at: ColumnName | None = None
    """Timestamp column (UTC) at which a row's label becomes known; null: never."""
    known_after: Duration | None = None
    """Instead of known_at: time after the event at which every label is known."""
    filled_in_within: Duration = timedelta(days=1)
    """Time after the event until when the source may still fill in or correct labels: each run reads the intervals of
    the row table that are younger than this again."""

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.known_at is None) == (self.known_after is None):
            raise ValueError("exactly one of known_at and known_after must be given")
        return self


class Source(Section):
    """The database, its tables and the label."""

    url: Text | None = None
    """SQLAlchemy URL without a password; relative SQLite paths start at the project's folder."""
    connection: ConnectionId | None = None
    """Instead of url: id of an Airflow connection."""
    tables: Annotated[dict[Identifier, Table], Field(min_length=1)]
    """Tables by the name used everywhere else in this file."""
    rows: Identifier
    """The table whose rows are the examples."""
    label: Label
    """What is predicted, and when it becomes known."""

    @field_validator("url")
    @classmethod
    def _without_password(cls, url: str | None) -> str | None:
        if url is not None:
            check_url(url)
        return url

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse("Source", self._mistakes())
        return self

    def _mistakes(self) -> Iterator[Mistake]:
        if (self.url is None) == (self.connection is None):
            yield (), "exactly one of url and connection must be given"
        rows = unknown(self.rows, self.tables, what="table")
        if rows:
            yield ("rows",), rows
            return
        columns = self.tables[self.rows].columns
        known_at = self.label.known_at
        if known_at is not None:
            message = unknown(known_at, columns, what="column")
            if message:
                yield ("label", "known_at"), message
            elif columns[known_at] != "timestamp":
                yield ("label", "known_at"), f"column {known_at!r} must be of type timestamp in table {self.rows!r}"
        expression = expression_mistake(self.label.expression, columns)
        if expression:
            yield ("label", "expression"), expression


_URL = re.compile(r"^[\w+]+://")
_USER_AND_PASSWORD = re.compile(r"^[\w+]+://[^:/]*:[^@]*@")
"""As SQLAlchemy takes a URL apart: a password may hold slashes."""
_SECRET_ARGUMENT = re.compile(r"[?&;][^=&]*(pass|pwd|secret|token|credential)[^=&]*=", re.IGNORECASE)


def check_url(url: str) -> None:
    """Refuse what is no SQLAlchemy URL, and a URL that holds a password, without repeating it.

    Raises:
        ValueError: it is one of these.
    """
    if not _URL.match(url):
        raise ValueError("must be a SQLAlchemy URL such as postgresql+psycopg://user@host/database")
    if _USER_AND_PASSWORD.match(url) or _SECRET_ARGUMENT.search(unquote(url)):
        raise ValueError("must not hold a password: put it into an Airflow connection and name that under connection")
