"""Rows that did not pass: kept apart with the reason, until their interval passes."""

import json

import duckdb
from deltalake import DeltaTable
from pydantic import JsonValue

from retrainer.delta_commit import table_schema
from retrainer.snapshots.delta import canonical, view_partitions
from retrainer.snapshots.place import DataPlace, remove_folder, write_file
from retrainer.snapshots.replace import replace_partitions

_REASON = "reason.json"


def set_aside(
    connection: duckdb.DuckDBPyConnection, staged: DeltaTable, key: str, uri: str, *, reason: dict[str, JsonValue]
) -> None:
    """Copy the partition `key` of a staged table to the Delta table at `uri`, with `reason` as reason.json beside it.

    What was set aside there before is replaced.
    """
    schema = table_schema(staged)
    view_partitions(connection, staged, [key], "set_aside")
    batches = (batch.cast(schema) for batch in canonical(connection, "set_aside", schema.names))
    replace_partitions(uri, batches, schema=schema, keys=[key], anew=True)
    write_file(f"{uri}/{_REASON}", json.dumps(reason, indent=2, ensure_ascii=False).encode())


def release(place: DataPlace, table: str, key: str) -> bool:
    """Remove what was set aside of one partition, now that it has passed; whether there was anything."""
    return remove_folder(place.quarantine(table, key))
