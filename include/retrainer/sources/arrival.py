"""Has an interval landed as a whole? Looks at the source only; light enough for Airflow's triggerer."""

import statistics
from datetime import timedelta

import sqlalchemy as sa

from retrainer.config.source import LaterRows, Manifest, Source
from retrainer.contracts import Arrival, Interval, TableArrival
from retrainer.sources.engine import reading, source_name
from retrainer.sources.table import SourceTable, find_table, table_clause

_MANIFEST_COLUMNS = ("table_name", "interval_start", "interval_end", "row_count")
_NEWEST = "landed_at"


def arrival(engine: sa.Engine, source: Source, interval: Interval) -> Arrival:
    """How much of `interval` has landed in each table of the source.

    A table whose event time column is missing or no time counts as landed once it is announced: waiting would not
    help, and validation says what is wrong with it.

    Raises:
        SourceUnavailableError: the database did not answer.
    """
    with reading(engine, source_name(source)) as connection:
        return Arrival(interval=interval, tables=tuple(_arrivals(connection, source, interval)))


def table_arrival(connection: sa.Connection, table: SourceTable, interval: Interval) -> TableArrival:
    """How much of `interval` has landed in `table`, by its declared rule."""
    rule = table.declared.complete
    if isinstance(rule, Manifest):
        return _by_manifest(connection, table, rule, interval)
    return _by_later_rows(connection, table, rule, interval)


def _arrivals(connection: sa.Connection, source: Source, interval: Interval) -> list[TableArrival]:
    found: list[TableArrival] = []
    for name, declared in source.tables.items():
        table = find_table(connection, name, declared)
        if table is None:
            missing = f"table {declared.name or name!r} is not in the database"
            found.append(TableArrival(table=name, rows=0, complete=False, missing=missing))
        else:
            found.append(table_arrival(connection, table, interval))
    return found


def _by_manifest(connection: sa.Connection, table: SourceTable, rule: Manifest, interval: Interval) -> TableArrival:
    expected = _announced(connection, table, rule, interval)
    if isinstance(expected, str):
        rows = _count(connection, table, interval)
        return TableArrival(table=table.name, rows=rows, complete=False, missing=expected)
    if table.moments is None:
        return TableArrival(table=table.name, rows=0, expected_rows=expected, complete=True)
    rows = _count(connection, table, interval)
    if rows >= expected:  # only then are repeats worth looking for
        rows = _count_distinct(connection, table, interval)
    missing = "" if rows >= expected else f"{rows} of {expected} rows of table {table.name!r} have landed"
    return TableArrival(table=table.name, rows=rows, expected_rows=expected, complete=not missing, missing=missing)


def _announced(connection: sa.Connection, table: SourceTable, rule: Manifest, interval: Interval) -> int | str:
    """The announced row count of the newest landing, or in words why there is none.

    Newest is by the column landed_at where the control table has it, else the largest count.
    """
    control = table_clause(rule.table)
    inspector = sa.inspect(connection)
    if not inspector.has_table(control.name, schema=control.schema):
        return f"control table {rule.table!r} is not in the database"
    types = {each["name"]: each["type"] for each in inspector.get_columns(control.name, schema=control.schema)}
    absent = [name for name in _MANIFEST_COLUMNS if name not in types]
    if absent:
        return f"control table {rule.table!r} has no column {absent[0]!r}"
    count: sa.ColumnClause[int] = sa.column("row_count", sa.Integer())
    database_name = table.declared.name or table.name
    query = (
        sa.select(count)
        .select_from(control)
        .where(
            sa.column("table_name", sa.String()) == database_name,
            _same(connection, "interval_start", interval, end=False, sql_type=types["interval_start"]),
            _same(connection, "interval_end", interval, end=True, sql_type=types["interval_end"]),
        )
        .order_by(sa.column(_NEWEST).desc() if _NEWEST in types else count.desc())
        .limit(1)
    )
    announced = connection.scalar(query)
    if announced is None:
        return f"no row of {rule.table!r} says that table {database_name!r} has landed"
    return int(announced)


def _same(
    connection: sa.Connection, column: str, interval: Interval, *, end: bool, sql_type: sa.types.TypeEngine[object]
) -> sa.ColumnElement[bool]:
    """`column` is the start (or end) of the interval; text is compared to the second, with a space or a T."""
    moment = interval.end if end else interval.start
    if connection.dialect.name == "sqlite" or isinstance(sql_type, sa.String):
        text = sa.func.replace(sa.func.substr(sa.column(column), 1, 19), "T", " ")
        return text == moment.strftime("%Y-%m-%d %H:%M:%S")
    aware = isinstance(sql_type, sa.DateTime) and sql_type.timezone
    return sa.column(column, sql_type) == sa.literal(moment if aware else moment.replace(tzinfo=None), sql_type)


def _by_later_rows(connection: sa.Connection, table: SourceTable, rule: LaterRows, interval: Interval) -> TableArrival:
    if table.moments is None:
        return TableArrival(table=table.name, rows=0, complete=True)
    rows = _count(connection, table, interval)
    if rows >= 1:
        rows = _count_distinct(connection, table, interval)
    later = sa.select(sa.literal(1)).select_from(table.clause).where(table.moments.at_or_after(interval.end)).limit(1)
    missing = ""
    if connection.scalar(later) is None:
        missing = f"table {table.name!r} has no row at or after {interval.end.isoformat()} yet"
    elif rows == 0:
        missing = f"table {table.name!r} has no row in the interval"
    else:
        missing = _too_few(connection, table, rule, interval, rows)
    return TableArrival(table=table.name, rows=rows, complete=not missing, missing=missing)


def _too_few(connection: sa.Connection, table: SourceTable, rule: LaterRows, interval: Interval, rows: int) -> str:
    """In words, that `rows` are too few beside the same interval of the weeks before; empty where they are not."""
    shifts = [timedelta(days=7 * week) for week in range(1, rule.weeks + 1)]
    before = [Interval(start=interval.start - shift, end=interval.end - shift) for shift in shifts]
    counts = [count for count in (_count(connection, table, each) for each in before) if count]
    if not counts or rows >= rule.min_share * statistics.median(counts):
        return ""
    needed = rule.min_share * statistics.median(counts)
    return f"{rows} rows of table {table.name!r} have landed, at least {needed:.0f} are usual"


def _count(connection: sa.Connection, table: SourceTable, interval: Interval) -> int:
    query = sa.select(sa.func.count()).select_from(table.clause).where(table.within(interval))
    return int(connection.scalar(query) or 0)


def _count_distinct(connection: sa.Connection, table: SourceTable, interval: Interval) -> int:
    """Rows that differ in a column; columns that cannot be compared, such as JSON, do not count."""
    columns: list[sa.ColumnClause[object]] = [
        sa.column(name) for name, kind in table.columns.items() if not isinstance(kind, sa.JSON)
    ]
    distinct = sa.select(*columns).select_from(table.clause).where(table.within(interval)).distinct().subquery()
    return int(connection.scalar(sa.select(sa.func.count()).select_from(distinct)) or 0)
