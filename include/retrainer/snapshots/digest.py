"""SHA-256 of the content of partitions: the same whatever the chunks, the files and the number of writes."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import JsonValue

from retrainer.contracts import digest_json
from retrainer.contracts.columns import INTERVAL


class PartitionDigests:
    """Digests of the partitions of a stream of rows.

    The rows of a partition must come together and in their canonical order: by all columns, in the order of the
    columns' names. Each column has three running hashes (which values are null, lengths of texts, values), so that
    neither chunks nor what is stored under a null count. `_interval` itself does not.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._columns = sorted(name for name in schema.names if name != INTERVAL)
        self._types = {name: _type_name(schema.field(name).type) for name in self._columns}
        self._hashes: dict[str, dict[str, _ColumnHash]] = {}
        self.rows: dict[str, int] = {}
        """Rows of each partition so far."""

    def update(self, batch: pa.RecordBatch) -> None:
        """Add rows."""
        spans = list(runs(batch.column(INTERVAL)))
        for key, _, length in spans:
            self._hashes.setdefault(key, {name: _ColumnHash() for name in self._columns})
            self.rows[key] = self.rows.get(key, 0) + length
        for name in self._columns:
            column = _column_bytes(batch.column(name))
            for key, start, length in spans:
                self._hashes[key][name].update(column, start, start + length)

    def result(self) -> dict[str, str]:
        """The digest of each partition, by its key."""
        return {key: self._digest(key) for key in sorted(self._hashes)}

    def _digest(self, key: str) -> str:
        columns: dict[str, JsonValue] = {
            name: [self._types[name], column.hexdigest()] for name, column in self._hashes[key].items()
        }
        return digest_json({"rows": self.rows[key], "columns": columns})


def combined(digests: Mapping[str, str]) -> str:
    """One digest of a set of partitions, their keys included."""
    return digest_json(dict(digests))


@dataclass(frozen=True)
class _ColumnBytes:
    """A column as bytes: one for each row that says whether it is not null, and its values, null as zero or empty.

    Values of fixed width are `width` bytes each; otherwise `ends` has where each ends in `values`, after a first 0.
    """

    valid: memoryview
    values: memoryview
    width: int
    ends: NDArray[np.int64] | None


class _ColumnHash:
    def __init__(self) -> None:
        self._nulls, self._lengths, self._values = (hashlib.sha256() for _ in range(3))

    def update(self, column: _ColumnBytes, start: int, end: int) -> None:
        """Add the rows [start, end)."""
        self._nulls.update(column.valid[start:end])
        if column.ends is None:
            self._values.update(column.values[start * column.width : end * column.width])
            return
        ends = column.ends[start : end + 1]
        self._lengths.update(np.diff(ends).astype("<i8").tobytes())
        self._values.update(column.values[int(ends[0]) : int(ends[-1])])

    def hexdigest(self) -> str:
        parts = (self._nulls, self._lengths, self._values)
        return hashlib.sha256(b"".join(each.digest() for each in parts)).hexdigest()


def _column_bytes(values: pa.Array) -> _ColumnBytes:
    valid = memoryview(values.is_valid().to_numpy(zero_copy_only=False).tobytes())
    kind = values.type
    if pa.types.is_timestamp(kind):
        values = values.cast(pa.timestamp("us", tz=kind.tz)).cast(pa.int64())
    elif not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind) or _is_bytes(kind)):
        values = values.cast(pa.string())
    if _is_bytes(values.type):
        texts = values.cast(pa.large_binary()).fill_null(b"")
        _, offsets, data = texts.buffers()
        ends = np.frombuffer(offsets, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
        return _ColumnBytes(valid, memoryview(data if data is not None else b""), 0, ends)
    plain = _fixed(values.fill_null(False if pa.types.is_boolean(values.type) else 0))
    return _ColumnBytes(valid, memoryview(plain.tobytes()), plain.dtype.itemsize, None)


def _is_bytes(kind: pa.DataType) -> bool:
    return any(
        check(kind)
        for check in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    )


def _fixed(values: pa.Array) -> NDArray[np.generic]:
    """Values of fixed width without nulls, little-endian; all NaN are one, and so are the two zeros."""
    array = values.to_numpy(zero_copy_only=False)
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), np.nan, array) + 0.0
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))


def runs(keys: pa.Array) -> Iterable[tuple[str, int, int]]:
    """(value, start, length) of each run of equal keys."""
    ends = pc.run_end_encode(keys)
    start = 0
    for value, end in zip(ends.values.to_pylist(), ends.run_ends.to_pylist(), strict=True):
        yield value, start, end - start
        start = end


def _type_name(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "timestamp"
    return str(kind).removeprefix("large_")
