"""The Delta table of batch predictions: partitions replaced in one commit, the others and their columns kept."""

import json
import logging
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Schema, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError

from retrainer.contracts.columns import INTERVAL
from retrainer.errors import BadDataError, StoreConflictError
from retrainer.scoring.columns import STAMPED, Stamp

_LOG = logging.getLogger(__name__)
_PARTITIONS = "retrainer.partitions"
_ROW_GROUP = 200_000
"""Delta's writer has a row group in memory as a whole."""


def open_or_create(uri: str, schema: pa.Schema) -> DeltaTable:
    """The table; where there is none, an empty one.

    Raises:
        BadDataError: the table has a column of the same name and another type.
    """
    DeltaTable.create(uri, schema, mode="ignore", partition_by=[INTERVAL])
    table = DeltaTable(uri)
    _check_types(table, schema)
    return table


def stamp_of(table: DeltaTable, key: str) -> Stamp | None:
    """The stamp of a partition; None where it has no rows. Reads one row: all have the same."""
    rows = table.to_pyarrow_dataset().filter(pc.field(INTERVAL) == key).head(1, columns=STAMPED.names).to_pylist()
    if not rows:
        return None
    (row,) = rows
    return Stamp(row["version"], row["run_id"], row["scored_at"], row["identity"])


def replace_partitions(
    table: DeltaTable, batches: Iterable[pa.RecordBatch], *, schema: pa.Schema, keys: Sequence[str]
) -> None:
    """Replace the partitions `keys` by the rows of `batches`, in one commit. Rows are streamed.

    Raises:
        StoreConflictError: another writer replaced one of the partitions since `table` was opened.
        Exception: whatever making the batches raises. The table is as it was.
    """
    source = _Source(batches)
    listed = ", ".join(f"'{key}'" for key in sorted(keys))
    try:
        write_deltalake(
            table,
            pa.RecordBatchReader.from_batches(schema, source.batches()),
            mode="overwrite",
            predicate=f"{INTERVAL} IN ({listed})",
            schema_mode="merge",
            writer_properties=WriterProperties(max_row_group_size=_ROW_GROUP),
            commit_properties=CommitProperties(custom_metadata={_PARTITIONS: json.dumps(sorted(keys))}),
        )
    except CommitFailedError as error:
        raise StoreConflictError(f"another run replaced partitions of {table.table_uri} first: {error}") from error
    except Exception:
        if source.error is not None:  # Delta's writer knows it as a text only
            raise source.error from None
        raise


class _Source:
    """Batches for a writer that is not Python: keeps the error that ended them."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._batches = batches
        self.error: Exception | None = None

    def batches(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._batches
        except Exception as error:
            self.error = error
            raise


def _check_types(table: DeltaTable, schema: pa.Schema) -> None:
    there = pa.schema(table.schema().to_arrow())
    for field in pa.schema(Schema.from_arrow(schema).to_arrow()):
        position = there.get_field_index(field.name)
        if position >= 0 and there.field(position).type != field.type:
            raise BadDataError(
                f"column {field.name!r} of {table.table_uri} is {there.field(position).type}, "
                f"and is declared as {field.type} now",
                hint="Declare the column as before, or move the table away: a new one is made then.",
            )
