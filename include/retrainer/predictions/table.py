"""The Delta table of predictions: appended to in one commit for each collection, a row never twice."""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError

from retrainer.delta_commit import open_or_create, with_columns_of
from retrainer.errors import StoreConflictError
from retrainer.predictions.columns import DAY, ROW

_LOG = logging.getLogger(__name__)
_SEGMENTS = "retrainer.segments"
_BATCH_ROWS = 50_000
_SAME = "t.id = n.id AND t.source = n.source AND t.version IS NOT DISTINCT FROM n.version AND t.day = n.day"


@dataclass(frozen=True, slots=True)
class NewRows:
    """Rows to append: the view `view` of `connection`, which also numbers them in the column ROW, oldest first.

    `segments` are the names of the files that they come from.
    """

    connection: duckdb.DuckDBPyConnection
    view: str
    schema: pa.Schema
    segments: Sequence[str]


def append(new: NewRows, uri: str) -> int:
    """Append the rows that the table does not have yet, in one commit; how many these were.

    Two rows of one day with the same id, source and version are the same row: of such only one is kept. So appending
    what was appended before changes nothing. A column that the table lacks is added.

    Raises:
        BadDataError: the table has a column of the same name and another type.
        StoreConflictError: another writer changed the table's columns in the meantime.
    """
    try:
        table = open_or_create(uri, new.schema, partition=DAY)
        with_columns_of(table, new.schema)  # raises where a type is another
        rows = _choose(new, table)
        if rows == 0:
            return 0
        names = ", ".join(f'"{name}"' for name in new.schema.names)
        query = f'SELECT {names} FROM "{new.view}" SEMI JOIN chosen USING ({ROW})'
        chosen = new.connection.sql(query).to_arrow_reader(_BATCH_ROWS)
        batches = (batch.cast(new.schema) for batch in chosen)
        write_deltalake(
            table,
            pa.RecordBatchReader.from_batches(new.schema, batches),
            mode="append",
            schema_mode="merge",
            commit_properties=CommitProperties(custom_metadata={_SEGMENTS: json.dumps(list(new.segments))}),
        )
    except CommitFailedError as error:
        raise StoreConflictError(f"another writer changed {uri} first: {error}") from error
    return rows


def view_days(connection: duckdb.DuckDBPyConnection, uri: str, days: Iterable[date], *, name: str) -> bool:
    """Make the view `name`: the predictions of `days` (UTC); False, and no view, where there is no table yet.

    Only the columns and rows that a query asks for are read.
    """
    try:
        table = DeltaTable(uri)
    except TableNotFoundError:
        return False
    connection.register(name, table.to_pyarrow_dataset().filter(pc.field(DAY).isin(list(days))))
    return True


def _choose(new: NewRows, table: DeltaTable) -> int:
    """The table `chosen`: ROW of those rows of the view that are there once and not in the Delta table; how many."""
    connection = new.connection
    days = [day for (day,) in connection.execute(f'SELECT DISTINCT {DAY} FROM "{new.view}"').fetchall()]
    connection.register("stored", table.to_pyarrow_dataset().filter(pc.field(DAY).isin(days)))
    once = (
        f'SELECT min({ROW}) AS {ROW}, id, source, version, {DAY} FROM "{new.view}" GROUP BY id, source, version, {DAY}'
    )
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE chosen AS SELECT n.{ROW} FROM ({once}) AS n ANTI JOIN stored AS t ON {_SAME}"
    )
    counts = f'SELECT (SELECT count(*) FROM chosen), (SELECT count(*) FROM "{new.view}")'
    ((rows, all_rows),) = connection.execute(counts).fetchall()
    if all_rows > rows:
        _LOG.info("%d of %d rows were there already", all_rows - rows, all_rows)
    return int(rows)
