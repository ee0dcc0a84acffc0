"""From frames to Arrow: one row a prediction, inputs and keys with their declared types."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from retrainer.config.source import ColumnType
from retrainer.predictions.columns import ARROW, MOMENT, LoggedColumn, table_schema
from retrainer.predictions.frames import Frame, Numbers, Objects, Times, Values


def batch_of(frame: Frame, columns: tuple[LoggedColumn, ...]) -> pa.RecordBatch:
    """The rows of a frame, in the columns of `table_schema`.

    A column that the frame lacks is null, and so is a value that is not of the declared type: it was logged when
    another type was declared.
    """
    at = np.round(_each(frame.at, frame.sizes) * 1e6).astype("datetime64[us]")
    rows = len(frame.ids)
    arrays = [
        pa.array(frame.ids, pa.string()),
        pa.array(at, MOMENT),
        pa.array(at.astype("datetime64[D]"), pa.date32()),
        pa.array([frame.version] * rows, pa.int64()),
        pa.array([frame.source] * rows, pa.string()),
        pa.array(_each(frame.seconds, frame.sizes), pa.float64()),
        pa.array(np.frombuffer(frame.outputs, "<f8"), pa.float64()),
        *(_array(frame.columns.get(column.name), column.type, rows) for column in columns),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=table_schema(columns))


def _each(values: list[float], sizes: list[int]) -> NDArray[np.float64]:
    """A value of each call, for each of its rows."""
    return np.repeat(np.array(values, np.float64), sizes)


def _array(values: Values | None, kind: ColumnType, rows: int) -> pa.Array:
    if isinstance(values, Numbers) and kind in ("float", "integer", "boolean"):
        return _numbers(np.frombuffer(values.data, "<f8"), kind)
    if isinstance(values, Times) and kind == "timestamp":
        return pa.array(np.frombuffer(values.data, "<i8").view("datetime64[us]"), MOMENT)
    if isinstance(values, Objects) and kind in ("string", "integer"):
        wanted = str if kind == "string" else int
        return pa.array([value if isinstance(value, wanted) else None for value in values.data], ARROW[kind])
    return pa.nulls(rows, ARROW[kind])


def _numbers(numbers: NDArray[np.float64], kind: ColumnType) -> pa.Array:
    """float64 as the declared type; what is no such value, missing included, is null."""
    if kind == "float":
        return pa.array(numbers, mask=np.isnan(numbers))
    fits = (numbers == 0) | (numbers == 1) if kind == "boolean" else _is_whole(numbers)
    plain = np.where(fits, numbers, 0).astype(bool if kind == "boolean" else np.int64)
    return pa.array(plain, mask=~fits)


def _is_whole(numbers: NDArray[np.float64]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (np.abs(numbers) < 2.0**63) & (np.floor(numbers) == numbers)
    return found
