"""Commits to Delta tables, of which two at once never both count where only one may.

Delta Lake's library tries a commit that was overtaken again by itself, on what the other left. It takes an overwrite of
an empty partition for an append then, and lets both in. So it is told not to; whether what was overtaken may follow is
found out here, by the files of the partitions that it replaces.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from urllib.parse import unquote

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction

from retrainer.contracts.columns import INTERVAL
from retrainer.errors import BadDataError, StoreConflictError

PARTITIONS = "retrainer.partitions"
"""Of a commit: keys of the partitions that it replaced."""

_TRIES = 50
"""Commits of others to other partitions that a writer lets pass before it gives up."""


def open_or_create(
    uri: str, schema: pa.Schema, *, partition: str = INTERVAL, configuration: Mapping[str, str] | None = None
) -> DeltaTable:
    """The table; where there is none, an empty one, so that of two writers of a new table both find the same."""
    with suppress(CommitFailedError):  # another writer made it at the same time
        DeltaTable.create(
            uri,
            schema,
            mode="ignore",
            partition_by=[partition],
            configuration=dict(configuration or {}),
            commit_properties=CommitProperties(max_commit_retries=0),
        )
    return DeltaTable(uri)


def replace(
    table: DeltaTable,
    files: Sequence[AddAction],
    *,
    keys: Sequence[str],
    columns: Callable[[DeltaTable], pa.Schema],
    anew: bool = False,
) -> int:
    """Have `files` be all that the partitions `keys` have, in one commit; the version that this made.

    With `anew` they are all that the table has. A key without a file ends up empty. Writers of other partitions do not
    disturb: where one was first, the commit is tried again on what it left. `columns` says which columns the table has
    after the commit, given the table as it is before; what it raises ends the commit.

    Raises:
        StoreConflictError: another writer replaced one of the partitions since `table` was opened.
    """
    before = files_of(table, keys)
    properties = CommitProperties(custom_metadata={PARTITIONS: json.dumps(sorted(keys))}, max_commit_retries=0)
    partitions = None if anew else [(INTERVAL, "in", sorted(keys))]
    for _ in range(_TRIES):
        made = int(table.version()) + 1
        try:
            table.create_write_transaction(
                list(files), "overwrite", columns(table), [INTERVAL], partitions, commit_properties=properties
            )
        except CommitFailedError as error:
            table.update_incremental()
            if anew or files_of(table, keys) != before:
                raise StoreConflictError(f"another writer replaced partitions of {table.table_uri} first") from error
        else:
            return made
    raise StoreConflictError(f"other writers wrote to {table.table_uri} first, {_TRIES} times")


def files_of(table: DeltaTable, keys: Sequence[str]) -> list[str]:
    """Paths below the table's folder of the files of the partitions `keys`; in the log they are URL-encoded."""
    actions, wanted = pa.table(table.get_add_actions(flatten=True)), set(keys)
    paths, partitions = actions["path"].to_pylist(), actions[f"partition.{INTERVAL}"].to_pylist()
    return sorted(unquote(path) for path, key in zip(paths, partitions, strict=True) if key in wanted)


def table_schema(table: DeltaTable) -> pa.Schema:
    """Columns of a Delta table, with Arrow's plain types."""
    return pa.schema(table.schema().to_arrow())


def with_columns_of(table: DeltaTable, schema: pa.Schema) -> pa.Schema:
    """The table's columns, then those of `schema` that it lacks, with the types that columns have in a Delta table.

    Raises:
        BadDataError: the table has a column of the same name and another type.
    """
    there = {field.name: field for field in table_schema(table)}
    for field in as_stored(schema):
        known = there.setdefault(field.name, field)
        if known.type != field.type:
            raise BadDataError(
                f"column {field.name!r} of {table.table_uri} is {known.type}, and is declared as {field.type} now",
                hint="Declare the column as before, or move the table away: a new one is made then.",
            )
    return pa.schema(list(there.values()))


def as_stored(schema: pa.Schema) -> pa.Schema:
    """With the types that columns have in a Delta table."""
    return pa.schema(Schema.from_arrow(schema).to_arrow())
