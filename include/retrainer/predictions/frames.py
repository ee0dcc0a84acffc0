"""Frames: rows of one version as bytes with their length and checksum, so that a torn one is known when it is read."""

import itertools
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from retrainer.contracts import Source
from retrainer.predictions.batch import LoggedBatch

FRAME_ROWS = 5_000
"""Rows of one frame, about: reading holds one frame in memory."""

_HEADER = struct.Struct("<II")
_MOST_BYTES = 2**28


class Numbers(msgspec.Struct, frozen=True, tag="n", array_like=True):
    """float64, NaN where missing."""

    data: bytes


class Times(msgspec.Struct, frozen=True, tag="t", array_like=True):
    """Microseconds since 1970 (int64), UTC, NaT where missing."""

    data: bytes


class Objects(msgspec.Struct, frozen=True, tag="o", array_like=True):
    """Texts, or whole numbers of any size; None where missing."""

    data: list[str | int | None]


Values = Numbers | Times | Objects


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """Rows of one version and source. `sizes` says how many of them each call had; `at` and `seconds` are of calls."""

    version: int | None
    source: Source
    sizes: list[int]
    at: list[float]
    seconds: list[float]
    ids: list[str]
    outputs: bytes
    columns: dict[str, Values]


@dataclass(frozen=True, slots=True)
class Torn:
    """The rest of a file from `offset` on is no whole frame: its writer was killed there."""

    offset: int
    size: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Frame).decode


def frames_of(batches: Iterable[LoggedBatch]) -> Iterator[bytes]:
    """The rows of `batches` as frames, each with its length and checksum in front; rows that belong together, in one.

    Raises:
        ValueError: a column has not one value for each id.
    """
    together: dict[tuple[Any, ...], list[LoggedBatch]] = {}
    for batch in batches:
        together.setdefault((batch.version, batch.source, *batch.columns), []).append(batch)
    for group in together.values():
        for part in _cut(group):
            payload = _encode(_frame(part))
            yield _HEADER.pack(len(payload), zlib.crc32(payload)) + payload


def read_frames(file: BinaryIO) -> Iterator[Frame | Torn]:
    """The frames of a file, one after the other; where it ends in something else, that as the last."""
    offset = file.tell()
    while header := file.read(_HEADER.size):
        frame = _whole(header, file)
        if frame is None:
            yield Torn(offset, file.seek(0, 2) - offset)
            return
        yield frame
        offset = file.tell()


def rows_of(batches: Iterable[LoggedBatch]) -> int:
    """How many predictions these are."""
    return sum(len(batch.ids) for batch in batches)


def _whole(header: bytes, file: BinaryIO) -> Frame | None:
    if len(header) < _HEADER.size:
        return None
    size, checksum = _HEADER.unpack(header)
    payload = file.read(size) if size <= _MOST_BYTES else b""
    if len(payload) != size or zlib.crc32(payload) != checksum:
        return None
    try:
        return _decode(payload)
    except msgspec.MsgspecError:
        return None


def _cut(batches: Sequence[LoggedBatch]) -> Iterator[list[LoggedBatch]]:
    part: list[LoggedBatch] = []
    rows = 0
    for batch in batches:
        part.append(batch)
        rows += len(batch.ids)
        if rows >= FRAME_ROWS:
            yield part
            part, rows = [], 0
    if part:
        yield part


def _frame(batches: Sequence[LoggedBatch]) -> Frame:
    first = batches[0]
    ids = list(itertools.chain.from_iterable(batch.ids for batch in batches))
    outputs = _joined([batch.outputs for batch in batches], len(ids), "the outputs")
    columns = {
        name: _values(_joined([batch.columns[name] for batch in batches], len(ids), f"column {name!r}"))
        for name in first.columns
    }
    return Frame(
        version=first.version,
        source=first.source,
        sizes=[len(batch.ids) for batch in batches],
        at=[batch.at for batch in batches],
        seconds=[batch.seconds for batch in batches],
        ids=ids,
        outputs=outputs.astype("<f8").tobytes(),
        columns=columns,
    )


def _joined(arrays: Sequence[NDArray[Any]], rows: int, what: str) -> NDArray[Any]:
    joined = np.concatenate(arrays)
    if joined.shape != (rows,):
        raise ValueError(f"{what} must have one value for each of {rows} ids, got shape {joined.shape}")
    return joined


def _values(array: NDArray[Any]) -> Values:
    if array.dtype.kind == "M":
        return Times(array.astype("datetime64[us]").astype("<i8").tobytes())
    if array.dtype.kind == "O":
        return Objects([value if value is None or type(value) in (str, int) else _plain(value) for value in array])
    return Numbers(array.astype("<f8").tobytes())


def _plain(value: object) -> str | int | None:
    """What an object column should not hold, such as NaN for a missing text."""
    if isinstance(value, np.integer):
        return int(value)
    return None if value != value else str(value)  # noqa: PLR0124 NaN is the only value unequal to itself
