"""Rows of a declared table as the source has them now, with their declared types, without a validated snapshot."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import duckdb
import pyarrow as pa

from retrainer.config.near_miss import nearest
from retrainer.config.source import ColumnType, Table
from retrainer.contracts import Interval
from retrainer.contracts.columns import INTERVAL
from retrainer.errors import BadDataError
from retrainer.snapshots.connection import is_of_type
from retrainer.sources.extract import Extract, OpenSource, Unconvertible

_LOG = logging.getLogger(__name__)
_MOMENT = pa.timestamp("us", tz="UTC")
_TYPES: Mapping[ColumnType, tuple[str, tuple[pa.DataType, ...]]] = MappingProxyType(
    {
        "string": ("VARCHAR", (pa.string(),)),
        "integer": ("BIGINT", (pa.int64(),)),
        "float": ("DOUBLE", (pa.float64(), pa.int64())),
        "boolean": ("BOOLEAN", (pa.bool_(),)),
        "timestamp": ("TIMESTAMP WITH TIME ZONE", (_MOMENT,)),
    }
)
"""Of each declared type the SQL type, and what the source may report: every integer is a float."""

_FITS = "_retrainer_fits"


@dataclass(frozen=True, slots=True)
class SourceRows:
    """The view `view` of what was read; `left_out` counts rows of the wrong type, and those of a repeated key."""

    view: str
    rows: int
    left_out: int


def read_rows(
    source: OpenSource, name: str, intervals: Sequence[Interval], *, connection: duckdb.DuckDBPyConnection
) -> SourceRows:
    """Make the view `now_<name>` of the rows whose event lies in one of `intervals`, chunk by chunk.

    It has the declared columns with their declared types, and `_interval`, the key of the interval. Exact repeats are
    dropped. Left out are rows with a value that is not of its declared type, and rows that share their key.

    Raises:
        BadDataError: the table or a declared column is not in the source, or the column is of another type.
    """
    declared = source.source.tables[name]
    extract = _declared_columns(source.table(name), declared)
    while True:
        try:
            _load(extract, intervals, f"read_{name}", connection)
            break
        except Unconvertible as found:
            _LOG.warning("%s: values of %s are not of their type", name, ", ".join(found.columns))
            extract = extract.as_text(found.columns)
    distinct = f"SELECT DISTINCT * FROM {_quoted(f'read_{name}')}"
    key = ", ".join(_quoted(column) for column in declared.key)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {_quoted(f'now_{name}')} AS SELECT * EXCLUDE {_FITS} FROM ("
        f"SELECT {_typed(extract, declared)}, {INTERVAL} FROM ({distinct}) "
        f"QUALIFY count(*) OVER (PARTITION BY {key}) = 1) WHERE {_FITS}"
    )
    counts = f"SELECT (SELECT count(*) FROM ({distinct})), (SELECT count(*) FROM {_quoted(f'now_{name}')})"
    ((read, kept),) = connection.execute(counts).fetchall()
    if read > kept:
        _LOG.warning(
            "%s: %d of %d rows are left out: wrong type, or a key that is there twice", name, read - kept, read
        )
    return SourceRows(f"now_{name}", kept, read - kept)


def _declared_columns(extract: Extract, declared: Table) -> Extract:
    """`extract` with the declared columns only."""
    there = {field.name: field for field in extract.schema}
    for column, kind in declared.columns.items():
        if column not in there:
            near = nearest(column, list(there))
            meant = f"; did you mean {near!r}?" if near else ""
            raise BadDataError(f"table {extract.table.name!r} has no column {column!r}{meant}")
        found = there[column].type
        if found not in _TYPES[kind][1]:
            raise BadDataError(f"column {column!r} of table {extract.table.name!r} must be {kind}, found {found}")
    return replace(extract, schema=pa.schema([there[column] for column in declared.columns]))


def _load(extract: Extract, intervals: Sequence[Interval], table: str, connection: duckdb.DuckDBPyConnection) -> None:
    """Make a table of what the source has, one chunk in memory at a time."""
    schema = extract.schema.append(pa.field(INTERVAL, pa.string()))
    connection.register("chunk", schema.empty_table())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {_quoted(table)} AS SELECT * FROM chunk")
    for interval in intervals:
        for batch in extract.read(interval):
            keys = pa.array([interval.key] * batch.num_rows, pa.string())
            rows = pa.RecordBatch.from_arrays([*batch.columns, keys], schema=schema)
            connection.register("chunk", pa.Table.from_batches([rows]))
            connection.execute(f"INSERT INTO {_quoted(table)} SELECT * FROM chunk")


def _typed(extract: Extract, declared: Table) -> str:
    """The declared columns with their types, and whether every value is of its own."""
    columns, fits = [], ["true"]
    for column, kind in declared.columns.items():
        name, sql = _quoted(column), _TYPES[kind][0]
        columns.append(f"TRY_CAST({name} AS {sql}) AS {name}")
        if extract.schema.field(column).type not in _TYPES[kind][1]:
            fits.append(is_of_type(name, sql))
    return f"{', '.join(columns)}, {' AND '.join(fits)} AS {_FITS}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
