"""Where the rows come from: a database, its tables, their times and keys, and the label."""

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from retrainer.config.section import ColumnName, Duration, Fraction, Identifier, Section

ColumnType = Literal["string", "integer", "float", "boolean", "timestamp"]


class Manifest(Section):
    """An interval is complete when a control table of the source says how many rows it has, and they are there."""

    by: Literal["manifest"]
    table: str
    """Table with one row for each landed interval: columns table_name, interval_start, interval_end (UTC), row_count."""


class LaterRows(Section):
    """An interval is complete when rows after its end have landed and it is not suspiciously small."""

    by: Literal["later_rows"]
    min_share: Fraction = 0.5
    """At least this share of the median row count of the weeks before, 0 to 1."""
    weeks: int = Field(default=4, ge=1, le=52)
    """How many weeks before are looked at."""


Completeness = Annotated[Manifest | LaterRows, Field(discriminator="by")]


class Freshness(Section):
    """How close to the interval's end its last row must be."""

    max_gap: Duration
    """Longest time between the last event and the end of the interval, such as 6h."""


class RowCount(Section):
    """Bounds on the interval's row count, relative to the last weeks."""

    min_share: Fraction = 0.5
    """Fewer rows than this share of the median of the last weeks fail."""
    max_share: float = Field(default=2.0, ge=1, le=1000)
    """More rows than this multiple of the median of the last weeks fail."""
    weeks: int = Field(default=4, ge=1, le=52)
    """How many weeks before are looked at; the same weekday where there are at least two."""


class Expectation(Section):
    """One Great Expectations expectation on the rows of a table."""

    type: str
    """Any expectation type of Great Expectations, such as expect_column_values_to_be_between."""
    kwargs: dict[str, JsonValue] = Field(default_factory=dict)
    """Its arguments, such as column, min_value, max_value, mostly."""
    severity: Literal["critical", "warning"] = "critical"
    """critical stops the run and quarantines the interval; warning goes on record."""


class Table(Section):
    """One table of the source and what must hold for its rows."""

    name: str = ""
    """Name in the database, schema.table where needed; empty: the key it is declared under."""
    event_time: ColumnName
    """Timestamp column (UTC) that places a row in an interval."""
    key: Annotated[tuple[ColumnName, ...], Field(min_length=1)]
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
    def _columns_declared(self) -> Self:
        for column in (self.event_time, *self.key):
            if column not in self.columns:
                raise ValueError(f"column {column!r} is used as event_time or key and is not under columns")
        if self.columns[self.event_time] != "timestamp":
            raise ValueError(f"event_time {self.event_time!r} must be of type timestamp")
        return self


class Label(Section):
    """What is predicted, and when it becomes known."""

    expression: str
    """SQL expression (DuckDB) over the columns of the row table, such as `arrival_delay > 15`; null where unknown."""
    known_at: ColumnName | None = None
    """Timestamp column (UTC) at which a row's label becomes known; null: never."""
    known_after: Duration | None = None
    """Instead of known_at: time after the event at which every label is known."""

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.known_at is None) == (self.known_after is None):
            raise ValueError("exactly one of known_at and known_after must be given")
        return self


class Source(Section):
    """The database, its tables and the label."""

    url: str | None = None
    """SQLAlchemy URL without a password; relative SQLite paths start at the project's folder."""
    connection: str | None = None
    """Instead of url: id of an Airflow connection."""
    tables: Annotated[dict[Identifier, Table], Field(min_length=1)]
    """Tables by the name used everywhere else in this file."""
    rows: Identifier
    """The table whose rows are the examples."""
    label: Label
    """What is predicted, and when it becomes known."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.url is None) == (self.connection is None):
            raise ValueError("exactly one of url and connection must be given")
        if self.url is not None:
            _check_url(self.url)
        if self.rows not in self.tables:
            raise ValueError(f"rows {self.rows!r} is not one of the tables: {', '.join(self.tables)}")
        known_at = self.label.known_at
        if known_at is not None and self.tables[self.rows].columns.get(known_at) != "timestamp":
            raise ValueError(f"label.known_at {known_at!r} must be a timestamp column of table {self.rows!r}")
        return self


def _check_url(url: str) -> None:
    scheme, separator, rest = url.partition("://")
    if not separator or not scheme:
        raise ValueError("url must be a SQLAlchemy URL such as postgresql+psycopg://user@host/database")
    authority = rest.split("/", 1)[0]
    user_info = authority.rpartition("@")[0]
    if ":" in user_info:
        raise ValueError("url must not hold a password: put it into an Airflow connection and name that under connection")
