"""The Delta table of batch predictions: partitions replaced in one commit, the others and their columns kept."""

from collections.abc import Sequence

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from deltalake.transaction import AddAction

from retrainer import delta_commit
from retrainer.contracts.columns import INTERVAL
from retrainer.delta_commit import with_columns_of
from retrainer.scoring.columns import STAMPED, Stamp


def open_or_create(uri: str, schema: pa.Schema) -> DeltaTable:
    """The table; where there is none, an empty one.

    Raises:
        BadDataError: the table has a column of the same name and another type.
    """
    all_columns = _with_partition(schema)
    table = delta_commit.open_or_create(uri, all_columns)
    with_columns_of(table, all_columns)  # raises where a type is another
    return table


def stamp_of(table: DeltaTable, key: str) -> Stamp | None:
    """The stamp of a partition; None where it has no rows. Reads one row: all have the same."""
    rows = table.to_pyarrow_dataset().filter(pc.field(INTERVAL) == key).head(1, columns=STAMPED.names).to_pylist()
    if not rows:
        return None
    (row,) = rows
    return Stamp(row["version"], row["run_id"], row["scored_at"], row["identity"])


def replace_partitions(
    table: DeltaTable, files: Sequence[AddAction], *, schema: pa.Schema, keys: Sequence[str]
) -> None:
    """Replace the partitions `keys` by those files, in one commit; a key without a file ends up empty.

    Columns of `schema` that the table lacks are added to it. `table` is the newest version afterwards.

    Raises:
        BadDataError: the table has a column of the same name and another type.
        StoreConflictError: another writer replaced one of the partitions since `table` was opened.
    """
    all_columns = _with_partition(schema)
    delta_commit.replace(table, files, keys=keys, columns=lambda there: with_columns_of(there, all_columns))
    table.update_incremental()


def view_scored(connection: duckdb.DuckDBPyConnection, uri: str, keys: Sequence[str], *, name: str) -> bool:
    """Make the view `name`: the rows of the partitions `keys`; False, and no view, where there is no table yet.

    Only the columns and rows that a query asks for are read. A column that is younger than a row is null in it.
    """
    try:
        table = DeltaTable(uri)
    except TableNotFoundError:
        return False
    connection.register(name, table.to_pyarrow_dataset().filter(pc.field(INTERVAL).isin(list(keys))))
    return True


def _with_partition(schema: pa.Schema) -> pa.Schema:
    return schema.append(pa.field(INTERVAL, pa.string()))
