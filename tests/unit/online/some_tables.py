"""Online tables written by hand."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from retrainer.online.file import TableName
from retrainer.online.publish import publish, table_file
from retrainer.snapshots import write_file

NOON = datetime(2026, 1, 8, 12, tzinfo=UTC)
DEFINITION = "0123456789abcdef"
OTHER = "fedcba9876543210"
MOMENT = pa.timestamp("us", tz="UTC")


def at(hours: float) -> datetime:
    """So many hours after noon."""
    return NOON + timedelta(hours=hours)


def write_table(
    folder: Path | str,
    rows: list[dict[str, Any]],
    *,
    table: str = "lookup-rates",
    as_of: datetime = NOON,
    definition: str = DEFINITION,
    by: tuple[str, ...] = ("region",),
) -> bool:
    """Publish rows with the columns of `by`, since, until and values; text, moment or number by their first value."""
    columns = {name: pa.array([row[name] for row in rows]) for name in (rows[0] if rows else ())}
    columns |= {name: columns[name].cast(MOMENT) for name in ("since", "until") if name in columns}
    if not rows:
        columns = {"region": pa.array([], pa.string()), "rates__rate": pa.array([], pa.float64())}
        columns |= dict.fromkeys(("since", "until"), pa.array([], MOMENT))
    file = table_file(pa.table(columns), event_time="ordered_at", by=by, span=("since", "until"))
    return publish(str(folder), TableName.of(table, definition, as_of), file, write=write_file)


def rate(region: str, since: float, until: float, value: float | None) -> dict[str, Any]:
    """A value of a region that counts from and until hours after noon."""
    return {"region": region, "since": at(since), "until": at(until), "rates__rate": value}


def texts(*values: str | None) -> np.ndarray:
    return np.array(values, object)


def times(*hours: float | None) -> np.ndarray:
    """Moments, hours after noon."""
    return np.array(
        ["NaT" if each is None else at(each).replace(tzinfo=None) for each in hours], dtype="datetime64[us]"
    )


def numbers(*values: float) -> np.ndarray:
    return np.array(values, np.float64)
