"""Which rows of the feature table are examples, as of a moment."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from retrainer.contracts import Interval
from retrainer.contracts.columns import INTERVAL, KNOWN_AT, LABEL, TIME


@dataclass(frozen=True, slots=True)
class Examples:
    """Rows whose label was known: features (one row an example), label (float64), block (object, interval key; of a
    holdout what is drawn together when models are compared)."""

    features: pd.DataFrame
    label: NDArray[np.float64]
    block: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: NDArray[np.bool_]) -> "Examples":
        """The examples where `rows` (one boolean an example) is true."""
        return Examples(self.features[rows].reset_index(drop=True), self.label[rows], self.block[rows])


def examples_digest(examples: Examples) -> str:
    """SHA-256 (hex) of the content of examples: columns with their types, values, labels, blocks, in their order."""
    table = pa.Table.from_pandas(examples.features, preserve_index=False).replace_schema_metadata()
    table = table.append_column("label", pa.array(examples.label))
    table = table.append_column("block", pa.array(examples.block, pa.string()))
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return hashlib.sha256(memoryview(stream.getvalue())).hexdigest()


def labelled_examples(
    frame: pd.DataFrame, *, window: Interval, known_by: datetime, columns: tuple[str, ...]
) -> Examples:
    """The rows of a feature table inside `window` whose label was known at `known_by` (aware).

    Reads `_time`, `_known_at` (datetime64, UTC), `label` (float64), `_interval` (string) and `columns`. Rows without a
    label, or with a label that is not finite, are left out; order is kept; an empty frame gives no examples.
    """
    time, known = frame[TIME], frame[KNOWN_AT]
    inside = (time >= window.start) & (time < window.end)
    usable = inside & (known <= known_by) & np.isfinite(frame[LABEL].astype("float64"))
    kept = frame.loc[usable]
    return Examples(
        features=kept[list(columns)].reset_index(drop=True),
        label=kept[LABEL].to_numpy(dtype=np.float64),
        block=kept[INTERVAL].to_numpy(dtype=object),
    )
