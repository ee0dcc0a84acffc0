"""Scoring rows: a batch of the feature table in, the same rows with a prediction out, in bounded memory."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from retrainer.columns import Columns
from retrainer.contracts.columns import INTERVAL
from retrainer.errors import ConfigurationError
from retrainer.partition_file import write_partition
from retrainer.scoring.columns import Stamp, columns_of_batch, kept_columns, scored_schema, stamped_columns
from retrainer.scoring.table import open_or_create, replace_partitions, stamp_of

_LOG = logging.getLogger(__name__)
BATCH_ROWS = 20_000
"""Rows that are predicted at once. More are no faster."""

Predict = Callable[[Columns], NDArray[np.float64]]
"""Columns of some rows in, one number (float64) a row out."""


@dataclass(frozen=True, slots=True)
class Unscored:
    """Rows of the feature table: the partitions `keys` of the view `view` of `connection`, which has `_interval`."""

    connection: duckdb.DuckDBPyConnection
    view: str
    keys: Sequence[str]


@dataclass(frozen=True, slots=True)
class Scorer:
    """A version: the columns of the feature table that it reads, what it says of them, and the stamp it leaves."""

    reads: tuple[str, ...]
    predict: Predict
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class ScoredTable:
    """What the Delta table has of the partitions now: its version, their rows, the stamp of each that has rows.
    `replaced` are those that were not there before as they are now."""

    version: int
    rows: int
    stamps: dict[str, Stamp]
    replaced: tuple[str, ...]


def score(rows: Unscored, scorer: Scorer, uri: str) -> ScoredTable:
    """Score the rows and replace their partitions of the Delta table at `uri` by them, in one commit.

    Each row keeps the columns of the feature table, label apart, and gets those of STAMPED. A partition that has the
    stamp's identity already is left as it is; one without rows ends up empty. A column that the table lacks is added to
    it, null in the rows of before; one that it has and the rows lack is null in these.

    Raises:
        ConfigurationError: the version reads a column that the rows do not have.
        BadDataError: the version gives no finite number for a row, or the table has a column of another type.
        StoreConflictError: another run scored one of the partitions at the same time.
    """
    schema = scored_columns(rows, scorer)
    table = open_or_create(uri, schema)
    counts = _counts(rows)
    there = {key: stamp for key in rows.keys if (stamp := stamp_of(table, key))}
    changed = tuple(key for key in rows.keys if _is_to_replace(there.get(key), counts.get(key, 0), scorer.stamp))
    if changed:
        full = [key for key in changed if key in counts]
        files = [
            write_partition(uri, key, scored_batches(rows, key, scorer, schema=schema), schema=schema) for key in full
        ]
        replace_partitions(table, files, schema=schema, keys=changed)
    stamps = {key: scorer.stamp if key in changed else there[key] for key in rows.keys if counts.get(key, 0)}
    done = sum(counts.get(key, 0) for key in changed)
    _LOG.info("%d of %d rows scored by v%d, into %s", done, sum(counts.values()), scorer.stamp.version, uri)
    return ScoredTable(int(table.version()), sum(counts.values()), stamps, changed)


def scored_columns(rows: Unscored, scorer: Scorer) -> pa.Schema:
    """The columns of what is made of the rows.

    Raises:
        ConfigurationError: the version reads a column that the rows do not have.
    """
    features = rows.connection.table(rows.view).limit(0).to_arrow_table().schema
    _check_columns(features, scorer)
    return scored_schema(features)


def _check_columns(features: pa.Schema, scorer: Scorer) -> None:
    missing = [name for name in scorer.reads if name not in features.names]
    if missing:
        raise ConfigurationError(
            f"v{scorer.stamp.version} reads what the feature table does not have: {', '.join(missing)} "
            f"(it has: {', '.join(name for name in features.names if name != INTERVAL)})",
            hint="The declaration has changed since that version was trained. Train and release one that reads what "
            "is declared now, or declare the columns again.",
        )


def _counts(rows: Unscored) -> dict[str, int]:
    """Rows of each partition that has any."""
    query = f'SELECT {INTERVAL}, count(*) FROM "{rows.view}" GROUP BY 1'
    found = dict(rows.connection.execute(query).fetchall())
    return {key: int(found[key]) for key in rows.keys if key in found}


def _is_to_replace(there: Stamp | None, rows: int, stamp: Stamp) -> bool:
    if there is None or rows == 0:
        return (there is None) != (rows == 0)
    return there.identity != stamp.identity


def scored_batches(rows: Unscored, key: str, scorer: Scorer, *, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The rows of the partition `key`, scored, in the columns `schema`; a batch in memory at a time."""
    relation = rows.connection.sql(f"SELECT * FROM \"{rows.view}\" WHERE {INTERVAL} = '{key}'")
    kept = kept_columns(relation.columns).values()
    for batch in relation.to_arrow_reader(BATCH_ROWS):
        predictions = scorer.predict(columns_of_batch(batch, scorer.reads))
        arrays = [*stamped_columns(scorer.stamp, predictions), *(batch.column(name) for name in kept)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)
