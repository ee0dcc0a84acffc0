"""Row-wise expectations that DuckDB cannot run, on GX's pandas engine, a bounded number of rows at a time."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from retrainer.validation.batch import Batch, aggregate, quoted, view_types
from retrainer.validation.gx_duckdb import RESULT_FORMAT, map_result, pandas_engine, raised, run_on
from retrainer.validation.schema import kind_of

CHUNK_ROWS = 100_000
"""Rows in memory at once: about 20 MB of short strings."""

ORDERED_TYPES = frozenset({"expect_column_values_to_be_decreasing", "expect_column_values_to_be_increasing"})
"""Each value is compared with the non-null one before it, in the order in which the view gives its rows."""

_DTYPE_WITH_NULLS = {"integer": "float64", "boolean": "object"}
_EXAMPLES: int = RESULT_FORMAT["partial_unexpected_count"]


def run_in_chunks(
    batch: Batch, configuration: ExpectationConfiguration, columns: list[str], *, chunk_rows: int = CHUNK_ROWS
) -> ExpectationValidationResult:
    """GX's result for one expectation on `columns` of the batch, the counts of all chunks added up.

    A result without counts (GX judges the type of a whole column by its dtype, or it raised) is that of the first
    chunk: dtypes are those that the whole column has in pandas, so it is the same in every chunk.
    """
    element_count = missing_count = unexpected_count = 0
    examples: list[Any] = []
    before: pd.DataFrame | None = None
    for frame in _frames(batch, columns, chunk_rows):
        overlap = 0 if before is None else len(before)
        chunk = frame if before is None else pd.concat([before, frame], ignore_index=True)
        (evr,) = run_on(pandas_engine(chunk), [configuration])
        result = evr.result or {}
        if raised(evr) or "unexpected_count" not in result:
            return evr
        element_count += result["element_count"] - overlap
        missing_count += result["missing_count"] or 0
        unexpected_count += result["unexpected_count"]
        examples += result["partial_unexpected_list"][: _EXAMPLES - len(examples)]
        if configuration.type in ORDERED_TYPES:
            before = chunk[chunk[columns[0]].notna()].tail(1)
    mostly = float(configuration.kwargs.get("mostly", 1))
    merged = map_result(element_count, missing_count, unexpected_count, examples, mostly)
    return ExpectationValidationResult(expectation_config=configuration, **merged)


def _frames(batch: Batch, columns: list[str], chunk_rows: int) -> Iterator[pd.DataFrame]:
    """The rows as pandas would have them; at least one frame, so that an empty batch gets GX's verdict too."""
    names = ", ".join(quoted(column) for column in columns) or "*"
    dtypes = _dtypes_with_nulls(batch, columns)
    reader = batch.connection.sql(f"SELECT {names} FROM {quoted(batch.view)}").to_arrow_reader(chunk_rows)
    empty = True
    for arrow in reader:
        empty = False
        yield arrow.to_pandas().astype(dtypes)
    if empty:
        yield reader.schema.empty_table().to_pandas()


def _dtypes_with_nulls(batch: Batch, columns: list[str]) -> dict[str, str]:
    """A null anywhere makes an integer column of pandas float64 and a boolean one object, in all chunks alike."""
    types = {column: kind_of(sql) for column, sql in view_types(batch).items() if not columns or column in columns}
    whole = {column: _DTYPE_WITH_NULLS[kind] for column, kind in types.items() if kind in _DTYPE_WITH_NULLS}
    if not whole:
        return {}
    nulls = aggregate(batch, [f"count(*) > count({quoted(column)})" for column in whole])
    return {column: dtype for (column, dtype), has_nulls in zip(whole.items(), nulls, strict=True) if has_nulls}
