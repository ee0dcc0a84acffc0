"""The Delta table of batch predictions: partitions replaced in one commit, the others and their columns kept."""

import json
from collections.abc import Sequence
from contextlib import suppress

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.transaction import AddAction

from retrainer.contracts.columns import INTERVAL
from retrainer.errors import BadDataError, StoreConflictError
from retrainer.scoring.columns import STAMPED, Stamp

_PARTITIONS = "retrainer.partitions"
_TRIES = 20


def open_or_create(uri: str, schema: pa.Schema) -> DeltaTable:
    """The table; where there is none, an empty one.

    Raises:
        BadDataError: the table has a column of the same name and another type.
    """
    with suppress(CommitFailedError):  # another writer made it at the same time
        once = CommitProperties(max_commit_retries=0)
        DeltaTable.create(uri, _with_partition(schema), mode="ignore", partition_by=[INTERVAL], commit_properties=once)
    table = DeltaTable(uri)
    _with_columns_of(table, schema)
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
    before = _files(table, keys)
    # No rebase inside: Delta Lake lets two writers into a partition that was empty.
    properties = CommitProperties(custom_metadata={_PARTITIONS: json.dumps(sorted(keys))}, max_commit_retries=0)
    for _ in range(_TRIES):
        try:
            table.create_write_transaction(
                list(files),
                "overwrite",
                _with_columns_of(table, schema),
                [INTERVAL],
                [(INTERVAL, "in", sorted(keys))],
                commit_properties=properties,
            )
        except CommitFailedError as error:  # also where another writer replaced other partitions
            table.update_incremental()
            if _files(table, keys) != before:
                raise StoreConflictError(f"another run scored the same interval of {table.table_uri} first") from error
        else:
            table.update_incremental()
            return
    raise StoreConflictError(f"other runs wrote to {table.table_uri} first, {_TRIES} times")


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


def _files(table: DeltaTable, keys: Sequence[str]) -> set[str]:
    actions, wanted = pa.table(table.get_add_actions(flatten=True)), set(keys)
    paths, partitions = actions["path"].to_pylist(), actions[f"partition.{INTERVAL}"].to_pylist()
    return {path for path, key in zip(paths, partitions, strict=True) if key in wanted}


def _with_partition(schema: pa.Schema) -> pa.Schema:
    """With the partition and the types that columns have in a Delta table."""
    return pa.schema(Schema.from_arrow(schema.append(pa.field(INTERVAL, pa.string()))).to_arrow())


def _with_columns_of(table: DeltaTable, schema: pa.Schema) -> pa.Schema:
    """The table's columns, then those of `schema` that it lacks."""
    there = {field.name: field for field in pa.schema(table.schema().to_arrow())}
    for field in _with_partition(schema):
        known = there.setdefault(field.name, field)
        if known.type != field.type:
            raise BadDataError(
                f"column {field.name!r} of {table.table_uri} is {known.type}, and is declared as {field.type} now",
                hint="Declare the column as before, or move the table away: a new one is made then.",
            )
    return pa.schema(list(there.values()))
