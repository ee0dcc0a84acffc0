"""SHA-256 of the content of partitions: the same whatever the chunks, the files and the number of writes."""

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
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
        for key, start, length in _runs(batch.column(INTERVAL)):
            part = batch.slice(start, length)
            hashes = self._hashes.setdefault(key, {name: _ColumnHash() for name in self._columns})
            for name in self._columns:
                hashes[name].update(part.column(name))
            self.rows[key] = self.rows.get(key, 0) + length

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


class _ColumnHash:
    def __init__(self) -> None:
        self._nulls, self._lengths, self._values = (hashlib.sha256() for _ in range(3))

    def update(self, values: pa.Array) -> None:
        self._nulls.update(_fixed(values.is_valid()))
        kind = values.type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
            if pa.types.is_timestamp(kind):
                values = values.cast(pa.timestamp("us", tz=kind.tz)).cast(pa.int64())
            elif not _is_bytes(kind):
                values = values.cast(pa.string())
        if _is_bytes(values.type):
            values = values.cast(pa.large_binary()).fill_null(b"")
            self._lengths.update(_fixed(pc.binary_length(values)))
            self._values.update(_bytes_of(values))
        else:
            self._values.update(_fixed(values.fill_null(False if pa.types.is_boolean(values.type) else 0)))

    def hexdigest(self) -> str:
        parts = (self._nulls, self._lengths, self._values)
        return hashlib.sha256(b"".join(each.digest() for each in parts)).hexdigest()


def _is_bytes(kind: pa.DataType) -> bool:
    return any(
        check(kind)
        for check in (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    )


def _bytes_of(values: pa.Array) -> bytes:
    """The bytes of all values of a large_binary array without nulls, one after the other."""
    offsets = np.frombuffer(values.buffers()[1], dtype=np.int64)[values.offset : values.offset + len(values) + 1]
    data = values.buffers()[2]
    return bytes(memoryview(data)[int(offsets[0]) : int(offsets[-1])]) if data is not None else b""


def _fixed(values: pa.Array) -> bytes:
    """Values of fixed width without nulls as little-endian bytes; all NaN are one, and so are the two zeros."""
    array = values.to_numpy(zero_copy_only=False)
    if array.dtype.kind == "f":
        array = np.where(np.isnan(array), np.nan, array) + 0.0
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()


def _runs(keys: pa.Array) -> Iterable[tuple[str, int, int]]:
    """(value, start, length) of each run of equal values."""
    ends = pc.run_end_encode(keys)
    start = 0
    for value, end in zip(ends.values.to_pylist(), ends.run_ends.to_pylist(), strict=True):
        yield value, start, end - start
        start = end


def _type_name(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "timestamp"
    return str(kind).removeprefix("large_")
