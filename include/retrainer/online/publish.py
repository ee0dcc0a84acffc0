"""Publishing an online table, and copying what was published to a server. Not for the server itself: it needs Arrow."""

import logging
import os
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import fs

from retrainer.online.file import Numbers, Objects, TableFile, TableName, Times, Values, encode, names_in, newest

_LOG = logging.getLogger(__name__)
_OTHERS_STAY = timedelta(days=7)
"""How long a table stays that is defined otherwise than newer ones: a version that needs it may still answer."""

Write = Callable[[str, bytes], None]
"""Writes a file at a URI, so that a reader finds all of it or none."""


def table_file(rows: pa.Table, *, event_time: str, by: Sequence[str], span: tuple[str, str]) -> TableFile:
    """The table with these rows, which are sorted by `by`, then since when they count.

    Args:
        rows: columns `by`, the two of `span`, and the values.
        event_time: the column of a record that holds its event time.
        by: the columns of a record that say which rows count for it.
        span: the columns (timestamp) that say from when and until when a row counts.
    """
    since, until = (_microseconds(rows.column(name)) for name in span)
    values = [name for name in rows.column_names if name not in (*by, *span)]
    return TableFile(
        event_time=event_time,
        by={name: _key(rows.column(name)) for name in by},
        since=since,
        until=until,
        values={name: _values(rows.column(name)) for name in values},
    )


def published(uri: str) -> list[TableName]:
    """The newest table of each definition that is there."""
    return newest(_tables(uri))


def publish(uri: str, name: TableName, table: TableFile, *, write: Write) -> bool:
    """Put a table into the folder `uri`, in the place of older ones; False, and nothing is done, if a newer is there.

    Two that publish at once do not disturb each other: each writes a file of its own name, and the newest counts.
    """
    there = list(_tables(uri))
    if any(_same(name, other) and other.stamp > name.stamp for other in there):
        return False
    write(f"{uri}/{name.file}", encode(table))
    for other in there:
        is_old = _same(name, other) and other.stamp < name.stamp
        if is_old or (other.table == name.table and other.as_of < name.as_of - _OTHERS_STAY):
            _remove(uri, other)
    return True


def copy_newest(uri: str, folder: Path) -> int:
    """Make `folder` hold the newest tables of `uri` and no others; how many are new in it.

    Each file is there as a whole or not at all. Where nothing was published, nothing happens.
    """
    system, base = fs.FileSystem.from_uri(uri)
    found = {info.base_name: info for info in system.get_file_info(fs.FileSelector(base, allow_not_found=True))}
    wanted = {name.file for name in newest(names_in(found))}
    if not wanted:
        return 0
    folder.mkdir(parents=True, exist_ok=True)
    copied = sum(_copy(system, found[file], folder / file) for file in sorted(wanted))
    for path in folder.iterdir():
        if TableName.parse(path.name) and path.name not in wanted:
            path.unlink(missing_ok=True)
    return copied


def _copy(system: fs.FileSystem, info: fs.FileInfo, target: Path) -> bool:
    if target.exists():
        there = target.stat()
        if (there.st_mtime_ns, there.st_size) == (info.mtime_ns, info.size):
            return False
    try:
        with system.open_input_stream(info.path) as stream:
            content = stream.read()
    except FileNotFoundError:  # a newer one took its place just now
        return False
    temporary = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        temporary.write_bytes(content)
        os.utime(temporary, ns=(info.mtime_ns, info.mtime_ns))
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _tables(uri: str) -> list[TableName]:
    system, base = fs.FileSystem.from_uri(uri)
    return names_in(file.base_name for file in system.get_file_info(fs.FileSelector(base, allow_not_found=True)))


def _same(one: TableName, other: TableName) -> bool:
    return (one.table, one.definition) == (other.table, other.definition)


def _remove(uri: str, name: TableName) -> None:
    system, base = fs.FileSystem.from_uri(uri)
    try:
        system.delete_file(f"{base}/{name.file}")
    except FileNotFoundError:
        _LOG.info("%s was removed by somebody else", name.file)


def _key(column: pa.ChunkedArray) -> Values:
    """As `_values`, but whole numbers keep all of their digits."""
    return Objects(column.to_pylist()) if pa.types.is_integer(column.type) else _values(column)


def _values(column: pa.ChunkedArray) -> Values:
    kind = column.type
    if pa.types.is_timestamp(kind):
        return Times(_microseconds(column))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return Objects(column.to_pylist())
    numbers = column.cast(pa.float64(), safe=False).to_numpy()
    return Numbers(np.ascontiguousarray(numbers, "<f8").tobytes())


def _microseconds(column: pa.ChunkedArray) -> bytes:
    """Microseconds since 1970, a missing one as NaT."""
    moments = column.cast(pa.timestamp("us", tz="UTC")).to_numpy()
    return bytes(moments.astype("datetime64[us]").astype("<i8").tobytes())
