"""Rows just extracted: streamed to disk, exact repeats dropped, then one commit to a Delta table of their own."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from retrainer.contracts.columns import INTERVAL
from retrainer.snapshots.connection import connect, identifier, is_of_type, literal
from retrainer.snapshots.delta import canonical, grouped, view_partitions
from retrainer.snapshots.digest import PartitionDigests, combined
from retrainer.snapshots.replace import replace_partitions

_ROW_GROUP = 100_000


@dataclass(frozen=True)
class Staged:
    """What was written: version of the Delta table, rows, exact repeats that were dropped, content digest."""

    version: int
    rows: int
    repeated_rows: int
    digest: str


def stage(uri: str, batches: Iterable[tuple[str, pa.RecordBatch]], *, schema: pa.Schema, keys: Sequence[str]) -> Staged:
    """Make (partition key, rows) pairs the whole content of the Delta table at `uri`, in one commit.

    Args:
        uri: the Delta table; what it held before is replaced, columns included.
        batches: rows of `schema`; those of a partition come together.
        schema: the columns, without `_interval`.
        keys: the partitions that may come.

    Raises:
        StoreConflictError: another writer replaced the table in the meantime.
    """
    full = schema.append(pa.field(INTERVAL, pa.string()))
    with TemporaryDirectory(prefix="retrainer-") as folder, connect() as connection:
        path = Path(folder, "extracted.parquet")
        counts = _spool(path, batches, full)
        connection.execute(f"CREATE VIEW extracted AS SELECT * FROM read_parquet({literal(str(path))})")
        digests = PartitionDigests(full)
        distinct = _distinct(connection, counts, full, digests)
        version = replace_partitions(uri, distinct, schema=full, keys=keys, anew=True)
    rows = sum(digests.rows.values())
    return Staged(version, rows, sum(counts.values()) - rows, combined(digests.result()))


def view_staged(
    connection: duckdb.DuckDBPyConnection, table: DeltaTable, keys: Sequence[str], name: str, *, meant: dict[str, str]
) -> dict[str, str]:
    """Make the view `name` of partitions of a staged table; its columns with their DuckDB types.

    `meant` are the types that the source reports. A column that was staged as text, because a value somewhere did not
    convert, is given its type again where all of its values in these partitions do.
    """
    view_partitions(connection, table, keys, f"{name}__staged")
    staged = f"{name}__staged"
    types = _types(connection, staged)
    as_text = {column: kind for column, kind in meant.items() if types.get(column) == "VARCHAR" != kind}
    narrowed = {column: kind for column, kind in as_text.items() if _converts(connection, staged, column, kind)}
    selected = ", ".join(
        f"CAST({identifier(column)} AS {narrowed[column]}) AS {identifier(column)}"
        if column in narrowed
        else identifier(column)
        for column in types
    )
    connection.execute(f"CREATE OR REPLACE TEMP VIEW {identifier(name)} AS SELECT {selected} FROM {identifier(staged)}")
    return {column: kind for column, kind in {**types, **narrowed}.items() if column != INTERVAL}


def sql_types(schema: pa.Schema) -> dict[str, str]:
    """The columns of an Arrow schema with their DuckDB types."""
    with connect() as connection:
        connection.register("empty", schema.empty_table())
        return _types(connection, "empty")


def _spool(path: Path, batches: Iterable[tuple[str, pa.RecordBatch]], schema: pa.Schema) -> dict[str, int]:
    """Write the rows to one Parquet file as they come; rows of each partition."""
    counts: dict[str, int] = {}
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
        for key, batch in batches:
            partition = pa.array([key] * batch.num_rows, pa.string())
            writer.write_batch(pa.RecordBatch.from_arrays([*batch.columns, partition], schema=schema))
            counts[key] = counts.get(key, 0) + batch.num_rows
    return counts


def _distinct(
    connection: duckdb.DuckDBPyConnection, counts: dict[str, int], schema: pa.Schema, digests: PartitionDigests
) -> Iterator[pa.RecordBatch]:
    for group in grouped(counts):
        keys = ", ".join(literal(key) for key in group)
        connection.execute(f"CREATE OR REPLACE VIEW grouped AS SELECT * FROM extracted WHERE {INTERVAL} IN ({keys})")
        for batch in canonical(connection, "grouped", schema.names, distinct=True):
            plain = batch.cast(schema)
            digests.update(plain)
            yield plain


def _types(connection: duckdb.DuckDBPyConnection, view: str) -> dict[str, str]:
    return {name: kind for name, kind, *_ in connection.execute(f"DESCRIBE {identifier(view)}").fetchall()}


def _converts(connection: duckdb.DuckDBPyConnection, view: str, column: str, kind: str) -> bool:
    query = f"SELECT count(*) FROM {identifier(view)} WHERE NOT {is_of_type(identifier(column), kind)}"
    row = connection.execute(query).fetchone()
    return row is not None and row[0] == 0
