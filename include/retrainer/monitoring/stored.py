"""A reference as bytes, to be kept beside the model version: arrays and JSON, nothing that could run."""

import hashlib
import io
import json
from typing import Any

import numpy as np

from retrainer.errors import BadDataError
from retrainer.monitoring.reference import Level, Reference
from retrainer.monitoring.sketch import CategoryLayout, Layout, NumberLayout, Tally
from retrainer.monitoring.watched import WatchedColumn

MAGIC = b"retrainer-drift-reference-1\n"
"""What the bytes begin with. The number counts formats: this version reads this one only."""

_DIGEST_BYTES = 32


def to_bytes(reference: Reference) -> bytes:
    """The reference: MAGIC, the SHA-256 of what follows, and a compressed NumPy archive. The same gives the same."""
    arrays: dict[str, Any] = {"earlier": reference.earlier}
    columns = []
    for place, column in enumerate(reference.watched):
        layout, tally = reference.layouts[column.name], reference.tallies[column.name]
        arrays |= {f"{place}.{part}": getattr(tally, part) for part in ("counts", "sums", "squares", "missing")}
        columns.append({"column": _fields(column, "name", "kind", "about"), "layout": _layout_fields(layout)})
        if isinstance(layout, NumberLayout):
            arrays[f"{place}.edges"] = layout.edges
    levels = [_fields(level, "rules", "level", "false_alarms_per_year") for level in reference.levels]
    text = json.dumps({"keys": reference.keys, "levels": levels, "columns": columns}, sort_keys=True)
    arrays["about"] = np.frombuffer(text.encode(), dtype=np.uint8)
    packed = io.BytesIO()
    np.savez_compressed(packed, allow_pickle=False, **arrays)
    content = packed.getvalue()
    return MAGIC + hashlib.sha256(content).digest() + content


def from_bytes(stored: bytes) -> Reference:
    """The reference that `to_bytes` wrote.

    Raises:
        BadDataError: the bytes are damaged, or of another version of Retrainer.
    """
    if not stored.startswith(MAGIC):
        raise BadDataError(f"this is no drift reference of this version: it begins with {stored[: len(MAGIC)]!r}")
    digest, content = stored[len(MAGIC) :][:_DIGEST_BYTES], stored[len(MAGIC) + _DIGEST_BYTES :]
    if hashlib.sha256(content).digest() != digest:
        raise BadDataError(f"the drift reference is damaged: {len(stored)} bytes that do not have their own digest")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        about = json.loads(arrays["about"].tobytes())
        watched = tuple(WatchedColumn(**each["column"]) for each in about["columns"])
        parts = ("counts", "sums", "squares", "missing")
        return Reference(
            watched=watched,
            layouts={
                column.name: _layout(each["layout"], arrays.get(f"{place}.edges"))
                for place, (column, each) in enumerate(zip(watched, about["columns"], strict=True))
            },
            keys=tuple(about["keys"]),
            earlier=arrays["earlier"],
            tallies={
                column.name: Tally(*(arrays[f"{place}.{part}"] for part in parts))
                for place, column in enumerate(watched)
            },
            levels=tuple(Level(**each) for each in about["levels"]),
        )


def _fields(value: object, *names: str) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}


def _layout_fields(layout: Layout) -> dict[str, Any]:
    if isinstance(layout, NumberLayout):
        return {"center": layout.center}
    return _fields(layout, "names", "pooled", "complete")


def _layout(fields: dict[str, Any], edges: Any) -> Layout:
    if edges is not None:
        return NumberLayout(edges, fields["center"])
    return CategoryLayout(tuple(fields["names"]), tuple(fields["pooled"]), fields["complete"])
