"""Row-wise expectations that DuckDB cannot run, on GX's pandas engine, a bounded number of values at a time."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from retrainer.validation.batch import Batch, aggregate, quoted, view_types
from retrainer.validation.gx_duckdb import RESULT_FORMAT, map_result, pandas_engine, raised, run_on
from retrainer.validation.schema import kind_of
from retrainer.validation.suite import columns_of

CHUNK_ROWS = 100_000
"""Values in memory at once: about 20 MB of short strings."""

ORDERED_TYPES = frozenset({"expect_column_values_to_be_decreasing", "expect_column_values_to_be_increasing"})
"""Each value is compared with the non-null one before it, in the order in which the view gives its rows."""

_DTYPE_WITH_NULLS = {"integer": "float64", "boolean": "object"}
_EXAMPLES: int = RESULT_FORMAT["partial_unexpected_count"]
_REPEATS = "rows with this value"


def run_in_chunks(
    batch: Batch, configuration: ExpectationConfiguration, *, chunk_rows: int = CHUNK_ROWS
) -> ExpectationValidationResult:
    """GX's result for one expectation on the batch, the counts of all chunks added up.

    GX judges each distinct value once, where the verdict depends on the value alone. A result without counts (GX
    judges the type of a whole column by its dtype, or it raised) is that of the first chunk: dtypes are those that
    the whole column has in pandas, so it is the same in every chunk.
    """
    if configuration.type in ORDERED_TYPES or configuration.kwargs.get("row_condition"):
        return _by_row(batch, configuration, chunk_rows)
    return _by_value(batch, configuration, chunk_rows)


def _by_value(batch: Batch, configuration: ExpectationConfiguration, chunk_rows: int) -> ExpectationValidationResult:
    (column,) = columns_of(configuration)
    counts = [0, 0, 0]
    examples: list[Any] = []
    name = quoted(column)
    query = f"SELECT {name}, count(*) AS {quoted(_REPEATS)} FROM {quoted(batch.view)} GROUP BY {name}"
    for frame in _frames(batch, query, [column], chunk_rows):
        (evr,) = run_on(pandas_engine(frame[[column]]), [configuration], which_rows=True)
        result = evr.result or {}
        if raised(evr) or "unexpected_index_list" not in result:
            return evr
        repeats = frame[_REPEATS]
        missing = repeats[frame[column].isna()] if result["missing_count"] else repeats.head(0)
        sizes = [int(rows.sum()) for rows in (repeats, missing, repeats.loc[result["unexpected_index_list"]])]
        counts = [count + more for count, more in zip(counts, sizes, strict=True)]
        examples += result["partial_unexpected_list"][: _EXAMPLES - len(examples)]
    return _merged(configuration, counts, examples)


def _by_row(batch: Batch, configuration: ExpectationConfiguration, chunk_rows: int) -> ExpectationValidationResult:
    ordered = configuration.type in ORDERED_TYPES
    columns = list(view_types(batch)) if configuration.kwargs.get("row_condition") else columns_of(configuration)
    query = f"SELECT {', '.join(map(quoted, columns))} FROM {quoted(batch.view)}"
    counts = [0, 0, 0]
    examples: list[Any] = []
    before: pd.DataFrame | None = None
    for frame in _frames(batch, query, columns, chunk_rows):
        chunk = frame if before is None else pd.concat([before, frame], ignore_index=True)
        (evr,) = run_on(pandas_engine(chunk), [configuration])
        result = evr.result or {}
        if raised(evr) or "unexpected_count" not in result:
            return evr
        rows = result["element_count"] - (0 if before is None else len(before))
        found = (rows, result["missing_count"] or 0, result["unexpected_count"])
        counts = [count + more for count, more in zip(counts, found, strict=True)]
        examples += result["partial_unexpected_list"][: _EXAMPLES - len(examples)]
        if ordered:
            before = chunk[chunk[configuration.kwargs["column"]].notna()].tail(1)
    return _merged(configuration, counts, examples)


def _merged(
    configuration: ExpectationConfiguration, counts: list[int], examples: list[Any]
) -> ExpectationValidationResult:
    mostly = float(configuration.kwargs.get("mostly", 1))
    merged = map_result(counts, examples, mostly)
    return ExpectationValidationResult(expectation_config=configuration, **merged)


def _frames(batch: Batch, query: str, columns: list[str], chunk_rows: int) -> Iterator[pd.DataFrame]:
    """The rows of `query` as pandas would have them; at least one frame, so that GX judges an empty batch too."""
    dtypes = _dtypes_with_nulls(batch, columns)
    reader = batch.connection.sql(query).to_arrow_reader(chunk_rows)
    empty = True
    for arrow in reader:
        empty = False
        yield arrow.to_pandas().astype(dtypes)
    if empty:
        yield reader.schema.empty_table().to_pandas()


def _dtypes_with_nulls(batch: Batch, columns: list[str]) -> dict[str, str]:
    """A null anywhere makes an integer column of pandas float64 and a boolean one object, in all chunks alike."""
    types = {column: kind_of(sql) for column, sql in view_types(batch).items() if column in columns}
    whole = {column: _DTYPE_WITH_NULLS[kind] for column, kind in types.items() if kind in _DTYPE_WITH_NULLS}
    if not whole:
        return {}
    nulls = aggregate(batch, [f"count(*) > count({quoted(column)})" for column in whole])
    return {column: dtype for (column, dtype), has_nulls in zip(whole.items(), nulls, strict=True) if has_nulls}
