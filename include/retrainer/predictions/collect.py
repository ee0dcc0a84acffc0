"""Closed segments of a model into its Delta table. A segment goes once its rows are there, and not before."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow.parquet as pq

from retrainer.predictions.columns import LoggedColumn, table_schema
from retrainer.predictions.frames import Frame, Torn, read_frames
from retrainer.predictions.rows import batch_of
from retrainer.predictions.segments import Segment, closed_segments
from retrainer.predictions.table import NewRows, append

_LOG = logging.getLogger(__name__)
COMMIT_BYTES = 128 * 2**20
"""Segments of about so many bytes make one commit."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What was collected: segments, rows that are new in the table, bytes cut off because their writer was killed."""

    segments: int = 0
    rows: int = 0
    torn_bytes: int = 0

    def __add__(self, other: "Collected") -> "Collected":
        return Collected(self.segments + other.segments, self.rows + other.rows, self.torn_bytes + other.torn_bytes)


def collect(
    folder: Path, uri: str, columns: tuple[LoggedColumn, ...], *, connection: duckdb.DuckDBPyConnection
) -> Collected:
    """Move every closed segment of `folder` into the Delta table at `uri`, some of them at a time.

    Killed at any point, the next collection goes on where this one stopped, and no row is there twice. Memory holds one
    frame, and what DuckDB may use.

    Raises:
        BadDataError: the table has a column of the same name and another type. No segment is lost.
        StoreConflictError: another writer changed the table's columns in the meantime.
    """
    total = Collected()
    while True:
        with closed_segments(folder, most_bytes=COMMIT_BYTES) as segments:
            if not segments:
                return total
            total += _move(segments, uri, columns, connection)
            for segment in segments:
                segment.remove()


def discard(folder: Path) -> Collected:
    """Delete every closed segment of `folder` unread."""
    with closed_segments(folder, most_bytes=2**63) as segments:
        for segment in segments:
            segment.remove()
        return Collected(segments=len(segments))


def _move(
    segments: Sequence[Segment], uri: str, columns: tuple[LoggedColumn, ...], connection: duckdb.DuckDBPyConnection
) -> Collected:
    torn: list[int] = []
    schema = table_schema(columns)
    with TemporaryDirectory(prefix="retrainer-") as scratch:
        spooled = Path(scratch, "predictions.parquet")
        with pq.ParquetWriter(spooled, schema, compression="zstd", compression_level=1) as writer:
            for frame in _frames(segments, torn):
                writer.write_batch(batch_of(frame, columns))
        connection.read_parquet(str(spooled), file_row_number=True).create_view("collected", replace=True)
        new = NewRows(connection, "collected", schema, [segment.path.name for segment in segments])
        rows = append(new, uri)
    return Collected(len(segments), rows, sum(torn))


def _frames(segments: Sequence[Segment], torn: list[int]) -> Iterator[Frame]:
    for segment in segments:
        for found in read_frames(segment.file):
            if isinstance(found, Torn):
                _LOG.warning("%s: %d bytes at its end are no whole frame", segment.path.name, found.size)
                torn.append(found.size)
            else:
                yield found
