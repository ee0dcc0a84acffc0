"""From the values of records to one array a column, with few calls of NumPy: it is on the path of every request."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from retrainer.columns import Columns
from retrainer.contracts import InputField

FIRST_YEAR, LAST_YEAR = 1700, 2199
"""Times outside these years are no times of a record: pandas has no nanoseconds for all of them."""

Mask = NDArray[np.bool_]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NOT_A_TIME = int(np.iinfo(np.int64).min)
_THE_ONLY_ONE = np.array([True])
_THE_ONLY_ONE.flags.writeable = False


class ParsedRecords(msgspec.Struct, frozen=True, eq=False):
    """The records of one request as columns.

    `columns` are those that a model's own code and the model read, `keys` those that only say which row it is; a key
    that is an integer is an object array of int or None, so that no digit is lost. `missing` marks, for each column
    that can be looked up, the records that did not send it; a null that was sent is not marked. `raw` is the body.
    """

    columns: Columns
    keys: Columns
    missing: Mapping[str, Mask]
    count: int
    raw: bytes

    def some(self, rows: NDArray[np.intp]) -> "ParsedRecords":
        """The records at these places."""
        columns, keys, missing = (_at(rows, table) for table in (self.columns, self.keys, self.missing))
        return ParsedRecords(columns, keys, missing, len(rows), self.raw)


class ColumnLayout:
    """Which fields of a record become which kind of array."""

    def __init__(self, fields: Sequence[InputField]) -> None:
        self._keys = [field.name for field in fields if field.role == "key"]
        optional = [(place, field) for place, field in enumerate(fields) if not field.required]
        self._looked_up = [(place, field.name) for place, field in optional if field.role != "key"]
        self._left_out = [place for place, field in optional if field.role == "key"]
        self._whole = [place for place, field in enumerate(fields) if field.role == "key" and field.type == "integer"]
        kinds = {field.name: (place, _kind(field)) for place, field in enumerate(fields)}
        self._texts, self._times, self._numbers = (
            {name: place for name, (place, kind) in kinds.items() if kind == wanted} for wanted in ("O", "M", "f")
        )

    def one(self, values: Sequence[Any], raw: bytes) -> ParsedRecords:
        """The same as `many` for one record whose fields have `values`, in a third of the time."""
        fields = list(values)
        missing: dict[str, Mask] = {}
        for place, name in self._looked_up:
            if fields[place] is UNSET:
                fields[place] = None
                missing[name] = _THE_ONLY_ONE
        for place in self._left_out:
            if fields[place] is UNSET:
                fields[place] = None
        for place in self._whole:
            fields[place] = _exact(fields[place])
        numbers = np.array([fields[place] for place in self._numbers.values()], dtype=np.float64)
        times = np.array([_moment(fields[place]) for place in self._times.values()], dtype=np.int64)
        texts = {name: np.array((fields[place],), dtype=object) for name, place in self._texts.items()}
        columns, keys = self._arrays(numbers[:, np.newaxis], times[:, np.newaxis], texts)
        return ParsedRecords(columns, keys, missing, 1, raw)

    def many(self, values: Iterable[Sequence[Any]], raw: bytes) -> ParsedRecords:
        """The columns of at least one record. `values` holds, for each field, the values that the records have for it.

        A value is None where it is missing and UNSET where it was not sent.

        Raises:
            OverflowError: a time is outside the years that are allowed.
        """
        fields = list(values)
        count = len(fields[0])
        missing: dict[str, Mask] = {}
        for place, name in self._looked_up:
            if UNSET in fields[place]:
                missing[name] = np.array([value is UNSET for value in fields[place]])
        for place in (*(place for place, _ in self._looked_up), *self._left_out):
            fields[place] = [None if value is UNSET else value for value in fields[place]]
        for place in self._whole:
            fields[place] = [*map(_exact, fields[place])]
        numbers = np.array([fields[place] for place in self._numbers.values()], dtype=np.float64)
        times = np.array([[*map(_moment, fields[place])] for place in self._times.values()], dtype=np.int64)
        texts = {name: np.array(fields[place], dtype=object) for name, place in self._texts.items()}
        columns, keys = self._arrays(numbers, times, texts)
        return ParsedRecords(columns, keys, missing, count, raw)

    def _arrays(
        self, numbers: NDArray[np.float64], times: NDArray[np.int64], texts: Columns
    ) -> tuple[Columns, Columns]:
        """Columns and keys; `numbers` and `times` have a row for each field of that kind."""
        arrays = {
            **dict(zip(self._numbers, numbers, strict=False)),
            **dict(zip(self._times, times.view("datetime64[us]"), strict=False)),
            **texts,
        }
        return arrays, {name: arrays.pop(name) for name in self._keys}


def with_keys(columns: Columns, keys: Columns, fields: Sequence[InputField]) -> Columns:
    """`columns` with those of `keys` that are more than a key to the version whose `fields` these are.

    What is not of the type that the version reads is left out. Whole numbers become float64, as its other numbers.
    """
    read = {field.name: _kind(field) for field in fields if field.role != "key" and field.name in keys}
    found = {name: _as_kind(keys[name], kind) for name, kind in read.items()}
    return {**columns, **{name: values for name, values in found.items() if values is not None}} if found else columns


def _as_kind(values: NDArray[Any], kind: str) -> NDArray[Any] | None:
    """A key as an array of `kind`; None where it holds something else."""
    if values.dtype.kind != "O" or kind == "M":
        return values if values.dtype.kind == kind else None
    wanted = str if kind == "O" else int
    if not all(value is None or isinstance(value, wanted) for value in values):
        return None
    return values if kind == "O" else values.astype(np.float64)


def _at(rows: NDArray[np.intp], table: Columns) -> dict[str, NDArray[Any]]:
    return {name: column[rows] for name, column in table.items()}


def _kind(field: InputField) -> str:
    if field.type == "string" or (field.type == "integer" and field.role == "key"):
        return "O"
    return "M" if field.type == "timestamp" else "f"


def _exact(value: float | None) -> int | None:
    """A whole number, which JSON may write as 3.0 too."""
    return None if value is None else int(value)


def _moment(value: datetime | None) -> int:
    """Microseconds since 1970 in UTC."""
    if value is None:
        return _NOT_A_TIME
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise OverflowError(value.year)
    return (value - _EPOCH) // _MICROSECOND
