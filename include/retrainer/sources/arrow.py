"""From the values of a database driver to Arrow: types follow the database, and where it has none, the declaration."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from retrainer.config.source import ColumnType

MOMENT = pa.timestamp("us", tz="UTC")
_DECLARED: Mapping[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "float": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": MOMENT,
}
_PLAIN: Mapping[pa.DataType, frozenset[type]] = {
    pa.string(): frozenset({str, type(None)}),
    pa.int64(): frozenset({int, type(None)}),
    pa.float64(): frozenset({float, type(None)}),
    pa.bool_(): frozenset({bool, type(None)}),
}
"""Values of these classes alone need no look at each: three times as fast."""


class Unconvertible(Exception):  # noqa: N818 a signal to read again with other types, never shown
    """Values of `columns` are not of the type that the database reports for them."""

    def __init__(self, columns: tuple[str, ...]) -> None:
        super().__init__(", ".join(columns))
        self.columns = columns


def arrow_type(sql_type: TypeEngine[object], declared: ColumnType | None, *, is_sqlite: bool) -> pa.DataType:
    """The Arrow type of a column.

    SQLite has no times and no booleans: there a text column is a timestamp, and a number a boolean, where it is
    declared so; a column without a type is what it is declared as.
    """
    found = _reported_type(sql_type)
    if is_sqlite and declared is not None:
        untyped = isinstance(sql_type, sa.types.NullType)
        if untyped or (declared == "timestamp" and pa.types.is_string(found)):
            return _DECLARED[declared]
        if declared == "boolean" and pa.types.is_integer(found):
            return pa.bool_()
    return found


def to_batch(rows: Sequence[Sequence[object]], schema: pa.Schema) -> pa.RecordBatch:
    """Rows of driver values as one batch of `schema`.

    Raises:
        Unconvertible: values of some columns are not of their type; names all of those.
    """
    arrays: list[pa.Array] = []
    wrong: list[str] = []
    for field, values in zip(schema, zip(*rows, strict=True), strict=True):
        try:
            arrays.append(to_array(values, field.type))
        except (pa.ArrowException, ValueError, TypeError, OverflowError):
            wrong.append(field.name)
    if wrong:
        raise Unconvertible(tuple(wrong))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def to_array(values: Sequence[object], kind: pa.DataType) -> pa.Array:
    """Driver values as an Arrow array; strict: a number is not made of text, nor text of a number.

    Text is what any value can become, with str().

    Raises:
        pyarrow.ArrowException, ValueError, TypeError, OverflowError: a value is not of the type.
    """
    plain = _PLAIN.get(kind)
    if plain is not None and plain.issuperset(map(type, values)):
        return pa.array(values, kind)
    if kind == MOMENT:
        return _moments(values)
    convert = _CONVERT.get(kind)
    return pa.array(values if convert is None else [convert(value) for value in values], kind)


def _reported_type(sql_type: TypeEngine[object]) -> pa.DataType:
    """Of the type's own kind; what has no kind of its own here (UUID, JSON, arrays) becomes text."""
    kinds: tuple[tuple[type | tuple[type, ...], pa.DataType], ...] = (
        (sa.Boolean, pa.bool_()),
        (sa.Integer, pa.int64()),
        ((sa.Float, sa.Numeric), pa.float64()),
        (sa.DateTime, MOMENT),
        (sa.Date, pa.date32()),
        (sa.LargeBinary, pa.binary()),
    )
    for kind, found in kinds:
        if isinstance(sql_type, kind):
            return found
    return pa.string()


def _moments(values: Sequence[object]) -> pa.Array:
    """Aware and naive (UTC) datetimes, and ISO 8601 text with or without an offset (UTC)."""
    present = next((value for value in values if value is not None), None)
    if not isinstance(present, str):
        if any(not isinstance(value, datetime | None) for value in values):
            raise TypeError("not a timestamp")
        return pa.array(values, MOMENT)
    texts = pa.array(values, pa.string())
    try:
        return pc.assume_timezone(texts.cast(pa.timestamp("us")), "UTC")
    except pa.ArrowInvalid:
        return texts.cast(MOMENT)


def _as_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, datetime | date) else str(value)


def _as_boolean(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    raise TypeError("not a boolean")


def _as_integer(value: object) -> int | None:
    """Arrow itself would cut 1.5 to 1 without a word."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, float | Decimal) and value == int(value):
        return int(value)
    raise TypeError("not a whole number")


def _as_float(value: object) -> float | None:
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return float(value)
    raise TypeError("not a number")


_CONVERT: Mapping[pa.DataType, Callable[[object], object]] = {
    pa.string(): _as_text,
    pa.bool_(): _as_boolean,
    pa.int64(): _as_integer,
    pa.float64(): _as_float,
}
