"""The columns of the table of batch predictions: a stamp, then the scored row as the feature table has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from retrainer.columns import Columns
from retrainer.contracts.columns import INTERVAL, KNOWN_AT, LABEL
from retrainer.errors import ConfigurationError

_MOMENT = pa.timestamp("us", tz="UTC")
STAMPED = pa.schema(
    [
        pa.field("prediction", pa.float64()),
        pa.field("version", pa.int64()),
        pa.field("run_id", pa.string()),
        pa.field("scored_at", _MOMENT),
        pa.field("identity", pa.string()),
    ]
)
"""One row is one row of the feature table. `prediction` is the probability of class 1, or the value."""

_NOT_KEPT = (INTERVAL, LABEL, KNOWN_AT)
"""A label comes later: it is looked up where it is known."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which version scored a partition, in which run, and when (aware).

    `identity` is the digest of what determines the predictions: equal identity, equal predictions.
    """

    version: int
    run_id: str
    scored_at: datetime
    identity: str


def kept_columns(features: Sequence[str]) -> dict[str, str]:
    """Which columns of the feature table are kept: the name that each has beside the predictions, and its own.

    A column that is called as one of the stamp is kept under its name with `input_` before it.
    """
    taken = {name.casefold() for name in (*STAMPED.names, INTERVAL, *features)}
    stamped = {name.casefold() for name in STAMPED.names}
    kept: dict[str, str] = {}
    for name in features:
        if name in _NOT_KEPT:
            continue
        stored = name
        if name.casefold() in stamped:
            while stored.casefold() in taken:
                stored = f"input_{stored}"
        kept[stored] = name
    return kept


def scored_schema(features: pa.Schema) -> pa.Schema:
    """What is written of rows of `features`; the partition is no column of its files."""
    kept = [pa.field(stored, features.field(name).type) for stored, name in kept_columns(features.names).items()]
    return pa.schema([*STAMPED, *kept])


def stamped_columns(stamp: Stamp, predictions: NDArray[np.float64]) -> list[pa.Array]:
    """The columns of STAMPED for rows that have these predictions."""
    same = (stamp.version, stamp.run_id, stamp.scored_at, stamp.identity)
    types = STAMPED.types[1:]
    repeated = (pa.repeat(pa.scalar(value, kind), len(predictions)) for value, kind in zip(same, types, strict=True))
    return [pa.array(predictions, pa.float64()), *repeated]


def columns_of_batch(batch: pa.RecordBatch, names: Sequence[str]) -> Columns:
    """Those columns of a batch, as a model takes them. The arrays cannot be written to.

    Raises:
        ConfigurationError: a column holds something that is none of text, timestamp, number and boolean.
    """
    columns: Mapping[str, NDArray[Any]] = {name: _column(name, batch.column(name)) for name in names}
    for values in columns.values():
        values.flags.writeable = False
    return columns


def _column(name: str, values: pa.Array) -> NDArray[Any]:
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _texts(values)
    if pa.types.is_timestamp(kind):
        moments: NDArray[np.datetime64] = values.cast(pa.timestamp("us", tz=kind.tz)).to_numpy(zero_copy_only=False)
        return moments.astype("datetime64[us]", copy=False).view()
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        numbers: NDArray[np.float64] = pc.cast(values, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return numbers.view()
    raise ConfigurationError(f"column {name!r} must hold texts, timestamps, numbers or booleans, got {kind}")


def _texts(values: pa.Array) -> NDArray[np.object_]:
    """Each different text is made once: most columns of a batch have few."""
    encoded = values.dictionary_encode()
    texts = np.array([*encoded.dictionary.to_pylist(), None], dtype=object)
    found: NDArray[np.object_] = texts[encoded.indices.fill_null(len(texts) - 1).to_numpy(zero_copy_only=False)]
    return found
