"""Which records the second version answers while two share the traffic."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from retrainer.contracts import ServingSpec, Split
from retrainer.serving.record_columns import Mask, ParsedRecords

_encode = msgspec.json.Encoder().encode


def entity_columns(spec: ServingSpec) -> tuple[str, ...]:
    """The columns by which records are told apart: `serving.entity`, else the key of the row table."""
    serving: Any = spec.declaration.get("serving") or {}
    source: Any = spec.declaration.get("source") or {}
    rows = source.get("tables", {}).get(source.get("rows"), {})
    return tuple(serving.get("entity") or rows.get("key") or ())


def in_split(split: Split, parsed: ParsedRecords, entity: Sequence[str]) -> Mask:
    """True for the records that `split.version` answers.

    What goes to it depends on the entity alone: the same one always meets the same version, and one that met the new
    version keeps it while the share grows. A record without its entity goes by all of its values.
    """
    table = {**parsed.columns, **parsed.keys}
    named = _rows([table[name] for name in entity if name in table], parsed.count)
    entire: list[tuple[Any, ...]] | None = None
    chosen = np.empty(parsed.count, dtype=np.bool_)
    for place, row in enumerate(named):
        if all(value is None for value in row):
            entire = entire or _rows([table[name] for name in sorted(table)], parsed.count)
            row = entire[place]  # noqa: PLW2901 the entity is the whole record
        chosen[place] = _place(split.version, row) < split.percent / 100
    return chosen


def _rows(columns: Sequence[NDArray[Any]], count: int) -> list[tuple[Any, ...]]:
    """The values of each record as Python has them, None where missing."""
    if not columns:
        return [()] * count
    values = [[None if value != value else value for value in column.tolist()] for column in columns]  # noqa: PLR0124 NaN
    return list(zip(*values, strict=True))


def _place(version: int, row: tuple[Any, ...]) -> float:
    """A number from 0 to 1 that depends on the version and the values, and on nothing else."""
    digest = blake2b(_encode((version, row)), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
