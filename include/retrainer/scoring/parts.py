"""A partition scored in parts by several writers: each leaves a file that no version of the table has yet, and one
commit takes them all."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from retrainer.partition_file import add_action, is_there, write_partition
from retrainer.scoring.batches import ScoredTable, Scorer, Unscored, scored_batches, scored_columns
from retrainer.scoring.columns import Stamp, scored_schema
from retrainer.scoring.table import open_or_create, replace_partitions, stamp_of

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PartFile:
    """A file in the folder of the table at a path below it: its size in bytes, its rows."""

    path: str
    size: int
    rows: int


def write_part(rows: Unscored, scorer: Scorer, uri: str) -> PartFile | None:
    """Score the rows, which are some of one partition, into a file; None where there are none.

    Raises:
        ConfigurationError: the version reads a column that the rows do not have.
        BadDataError: the version gives no finite number for a row, or the table has a column of another type.
    """
    (key,) = rows.keys
    schema = scored_columns(rows, scorer)
    open_or_create(uri, schema)
    (count,) = rows.connection.execute(f'SELECT count(*) FROM "{rows.view}"').fetchall()[0]
    if not count:
        return None
    action = write_partition(uri, key, scored_batches(rows, key, scorer, schema=schema), schema=schema)
    _LOG.info("%d rows scored by v%d, into %s", count, scorer.stamp.version, action.path)
    return PartFile(action.path, action.size, count)


def commit_parts(files: Sequence[PartFile], key: str, stamp: Stamp, *, features: pa.Schema, uri: str) -> ScoredTable:
    """Have those files be all of the partition `key`, in one commit. Where the partition has the stamp's identity
    already, it is left as it is.

    `features` are the columns of the rows that were scored.

    Raises:
        FileNotFoundError: one of the files is gone.
        BadDataError: the table has a column of another type.
        StoreConflictError: another run scored the partition at the same time.
    """
    schema = scored_schema(features)
    table = open_or_create(uri, schema)
    rows = sum(file.rows for file in files)
    there = stamp_of(table, key)
    if there is not None and there.identity == stamp.identity:
        return ScoredTable(int(table.version()), rows, {key: there}, ())
    gone = [file.path for file in files if not is_there(uri, file.path)]
    if gone:
        raise FileNotFoundError(f"{uri}/{gone[0]}")
    actions = [add_action(file.path, key, size=file.size, rows=file.rows) for file in files]
    replace_partitions(table, actions, schema=schema, keys=[key])
    _LOG.info("%d rows in %d files scored by v%d, into %s", rows, len(files), stamp.version, uri)
    return ScoredTable(int(table.version()), rows, {key: stamp}, (key,))


def is_scored(uri: str, key: str, stamp: Stamp, *, features: pa.Schema) -> bool:
    """Has the partition the stamp's identity already?"""
    there = stamp_of(open_or_create(uri, scored_schema(features)), key)
    return there is not None and there.identity == stamp.identity
