"""A table in memory: from a row's key and time to the place of the values that count for it."""

from bisect import bisect_right
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrainer.columns import Columns, number_of_rows
from retrainer.online.file import Numbers, Objects, TableFile, TableName, Times, Values

_MISSING = -1
"""Place of what is not known; every column has an end that is missing."""

_NOT_A_TIME = int(np.iinfo(np.int64).min)


class Rows(dict[str, list[Any]]):
    """The columns and keys of a request as lists, each made when first asked for; times as microseconds since 1970."""

    def __init__(self, columns: Columns, keys: Columns, now: int) -> None:
        super().__init__()
        self._columns = {**columns, **keys} if keys else columns
        self._keys = keys
        self._now = now
        self.count = number_of_rows(columns)

    def __missing__(self, name: str) -> list[Any]:
        column = self._columns[name]
        plain = column.astype("datetime64[us]", copy=False).view("i8") if column.dtype.kind == "M" else column
        listed: list[Any] = plain.tolist()
        self[name] = listed
        return listed

    def times(self, name: str) -> list[int]:
        """The times in a column; where there is no such column, and where a key was left out, now."""
        if name not in self._columns:
            return [self._now] * self.count
        if name not in self._keys:
            return self[name]
        return [self._now if moment == _NOT_A_TIME else moment for moment in self[name]]


class IndexedTable:
    """One look-up or window. Reading it takes about a microsecond a row and column."""

    def __init__(self, name: TableName, table: TableFile) -> None:
        self.name = name
        self._event_time = table.event_time
        self._by = tuple(table.by)
        self._since: list[int] = np.frombuffer(table.since, "<i8").tolist()
        self._until: list[int] = np.frombuffer(table.until, "<i8").tolist()
        keys = list(zip(*(_listed(values)[:-1] for values in table.by.values()), strict=True))
        self._spans = _spans([key[0] for key in keys] if len(self._by) == 1 else keys)
        self._values = {column: (_listed(values), _dtype(values)) for column, values in table.values.items()}

    def __len__(self) -> int:
        return len(self._since)

    @property
    def columns(self) -> Collection[str]:
        """Names of the columns that it has values of."""
        return self._values.keys()

    def values(self, column: str, places: Sequence[int]) -> NDArray[Any]:
        """The values of a column at `places`."""
        values, dtype = self._values[column]
        return np.array([values[place] for place in places], dtype=dtype)

    def places(self, rows: Rows) -> list[int]:
        """For each row the place of its values."""
        try:
            listed = [rows[name] for name in self._by]
        except KeyError:
            return [_MISSING] * rows.count
        keys = listed[0] if len(listed) == 1 else zip(*listed, strict=True)
        return list(map(self._place, keys, rows.times(self._event_time)))

    def _place(self, key: Any, moment: int) -> int:
        span = self._spans.get(key)
        if span is None:
            return _MISSING
        place = bisect_right(self._since, moment, *span) - 1
        return place if place >= span[0] and moment <= self._until[place] else _MISSING


def _spans(keys: list[Any]) -> dict[Any, tuple[int, int]]:
    """Where the rows of each key begin and end; rows of a key are next to each other."""
    spans: dict[Any, tuple[int, int]] = {}
    for place, key in enumerate(keys):
        start, _ = spans.get(key, (place, place))
        spans[key] = (start, place + 1)
    return spans


def _listed(values: Values) -> list[Any]:
    """The values as Python has them, and at the end one that is missing; times as microseconds since 1970."""
    match values:
        case Numbers(data):
            return [*np.frombuffer(data, "<f8").tolist(), np.nan]
        case Times(data):
            return [*np.frombuffer(data, "<i8").tolist(), _NOT_A_TIME]
        case Objects(data):
            return [*data, None]


def _dtype(values: Values) -> np.dtype[Any]:
    match values:
        case Numbers():
            return np.dtype(np.float64)
        case Times():
            return np.dtype("datetime64[us]")
        case Objects():
            return np.dtype(object)
