"""Batches as a server logs them, and what is in a log."""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from deltalake import DeltaTable

from retrainer.columns import Columns
from retrainer.contracts import Source
from retrainer.predictions import LoggedBatch
from retrainer.predictions.frames import Frame, Torn, read_frames
from retrainer.predictions.segments import closed_segments

MODEL = "order_late"
NOON = datetime(2026, 1, 8, 12, tzinfo=UTC).timestamp()


def batch(
    *ids: str,
    at: float = NOON,
    version: int | None = 3,
    source: Source = "model",
    model: str = MODEL,
    columns: Columns | None = None,
    outputs: Sequence[float] | None = None,
) -> LoggedBatch:
    """Rows of the small declaration in tests/factories.py: an order at noon from the north, the amount is its place."""
    rows = len(ids)
    ordinary: Columns = {
        "ordered_at": np.array([datetime(2026, 1, 8, 12)] * rows, "datetime64[us]"),  # noqa: DTZ001 UTC
        "region": np.array(["north"] * rows, object),
        "amount": np.arange(rows, dtype=np.float64),
        "express": np.ones(rows),
        "rates__rate": np.full(rows, 1.5),
        "region_late": np.full(rows, np.nan),
        "order_id": np.array(range(100, 100 + rows), object),
    }
    return LoggedBatch(
        at=at,
        model=model,
        version=version,
        source=source,
        ids=ids,
        columns=ordinary if columns is None else columns,
        outputs=np.array(outputs if outputs is not None else [0.25] * rows),
        seconds=0.002,
    )


def frames_in(folder: Path) -> list[Frame]:
    """Every whole frame of the closed segments of a folder, oldest first."""
    with closed_segments(folder, most_bytes=2**40) as segments:
        return [found for each in segments for found in read_frames(each.file) if not isinstance(found, Torn)]


def ids_in(folder: Path) -> list[str]:
    """The ids in the closed segments of a folder, in the order in which they were written."""
    return [each for frame in frames_in(folder) for each in frame.ids]


def stored(uri: str, columns: Iterable[str] | None = None) -> list[dict[str, object]]:
    """The rows of a Delta table of predictions, by id and source."""
    table: pa.Table = DeltaTable(uri).to_pyarrow_table(columns=list(columns) if columns else None)
    rows: list[dict[str, object]] = table.to_pylist()
    return sorted(rows, key=lambda row: (str(row.get("id")), str(row.get("source")), str(row.get("version"))))


def stored_ids(uri: str) -> list[str]:
    """The ids in a Delta table of predictions, repeats included."""
    return [str(row["id"]) for row in stored(uri, ["id"])]


def until(happened: Callable[[], bool], *, seconds: float = 20) -> None:
    """Wait until something has happened, which another thread or process does."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)
