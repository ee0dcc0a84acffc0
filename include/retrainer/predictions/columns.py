"""The columns of the table of predictions: what the log says of each, then the model's inputs and keys."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pyarrow as pa

from retrainer.config.declaration import ModelConfig
from retrainer.config.features import lookup_column
from retrainer.config.source import ColumnType

DAY = "day"
"""Partition: the UTC date of `at`."""

ROW = "file_row_number"
"""The number of a row while it is collected, as DuckDB calls what a Parquet file has by itself."""

MOMENT = pa.timestamp("us", tz="UTC")
FIXED = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("at", MOMENT),
        pa.field(DAY, pa.date32()),
        pa.field("version", pa.int64()),
        pa.field("source", pa.string()),
        pa.field("seconds", pa.float64()),
        pa.field("output", pa.float64()),
    ]
)
"""One row is one prediction. `version` is null where the rule answered; `source` is model, shadow or fallback;
`seconds` is how long the call took that the row was part of."""

_RESERVED = (*FIXED.names, ROW)

ARROW: Mapping[ColumnType, pa.DataType] = MappingProxyType(
    {
        "string": pa.string(),
        "integer": pa.int64(),
        "float": pa.float64(),
        "boolean": pa.bool_(),
        "timestamp": MOMENT,
    }
)


@dataclass(frozen=True, slots=True)
class LoggedColumn:
    """An input or key: its name in the log, its name in the table, its declared type."""

    name: str
    stored: str
    type: ColumnType


def logged_columns(config: ModelConfig) -> tuple[LoggedColumn, ...]:
    """What is kept of a record, in order: inputs, looked-up values, windows, and the key where it is no input.

    A column that is called as one of FIXED, or ROW, is kept under its name with `input_` before it.
    """
    source, features = config.source, config.features
    rows = source.tables[source.rows].columns
    types: dict[str, ColumnType] = {name: rows[name] for name in features.inputs}
    for name, lookup in features.lookups.items():
        theirs = source.tables[lookup.table].columns
        types |= {lookup_column(name, column): theirs[column] for column in lookup.columns}
    types |= dict.fromkeys(features.windows, "float")
    types |= {name: rows[name] for name in source.tables[source.rows].key}
    taken = {name.casefold() for name in (*_RESERVED, *types)}
    return tuple(LoggedColumn(name, _stored(name, taken), kind) for name, kind in types.items())


def table_schema(columns: tuple[LoggedColumn, ...]) -> pa.Schema:
    """Columns of the Delta table, in order."""
    return pa.schema([*FIXED, *(pa.field(each.stored, ARROW[each.type]) for each in columns)])


def _stored(name: str, taken: set[str]) -> str:
    if name.casefold() not in _RESERVED:
        return name
    stored = f"input_{name}"
    while stored.casefold() in taken:
        stored = f"input_{stored}"
    return stored
