"""Runs the declared expectations: on DuckDB where GX can, in chunks of pandas where it cannot, never neither."""

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import date

from great_expectations.core.expectation_validation_result import ExpectationValidationResult
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.registry import get_expectation_impl

import retrainer.validation.gx_metrics  # noqa: F401 (registers what DuckDB needs with GX)
from retrainer.validation.batch import Batch, nan_as_null
from retrainer.validation.chunks import ORDERED_TYPES, run_in_chunks
from retrainer.validation.gx_duckdb import DuckDBExecutionEngine, raised, run_on
from retrainer.validation.schema import kind_of
from retrainer.validation.suite import columns_of

_LOG = logging.getLogger(__name__)

PANDAS_TYPES = ORDERED_TYPES | {
    "expect_column_type_to_be",
    "expect_column_values_to_be_dateutil_parseable",
    "expect_column_values_to_be_in_type_list",
    "expect_column_values_to_be_json_parseable",
    "expect_column_values_to_be_of_type",
    "expect_column_values_to_match_json_schema",
    "expect_column_values_to_match_regex",
    "expect_column_values_to_match_regex_list",
    "expect_column_values_to_match_strftime_format",
    "expect_column_values_to_not_match_regex",
    "expect_column_values_to_not_match_regex_list",
}
"""What GX 1.24 cannot run on DuckDB, or runs with another meaning (regular expressions, names of types)."""

_NOT_ROW_WISE = frozenset(
    {
        "expect_column_value_z_scores_to_be_less_than",
        "expect_column_values_to_be_unique",
        "expect_column_values_to_not_be_outliers",
    }
)
"""Map expectations that look at the whole column: chunks would give another verdict."""

_COMPARED = ("min_value", "max_value", "value_set")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_LITERALS: dict[str, tuple[type, ...]] = {
    "integer": (int, float),
    "float": (int, float),
    "boolean": (int, float),
    "string": (str,),
    "timestamp": (str, date),
}


def run_expectations(
    batch: Batch,
    configurations: Sequence[ExpectationConfiguration],
    types: Mapping[str, str],
    unusable: Mapping[str, str],
) -> list[ExpectationValidationResult]:
    """GX's results in the order of `configurations`.

    `types` are the columns of the batch's view with their DuckDB types; `unusable` are columns that are missing or of
    another type, with the reason: an expectation on one of them fails with that reason and is not run.
    """
    results: dict[str, ExpectationValidationResult] = {}
    on_duckdb: list[ExpectationConfiguration] = []
    for configuration in (_with_time_of_day(each, types) for each in configurations):
        obstacle = _obstacle(configuration, types, unusable)
        if obstacle:
            results[_place(configuration)] = _not_run(configuration, obstacle)
        elif _is_for_pandas(configuration, types):
            results[_place(configuration)] = run_in_chunks(batch, configuration)
        else:
            on_duckdb.append(configuration)
    results.update(_on_duckdb(batch, on_duckdb, types))
    return [results[_place(configuration)] for configuration in configurations]


def _with_time_of_day(configuration: ExpectationConfiguration, types: Mapping[str, str]) -> ExpectationConfiguration:
    """Dates that bound a timestamp column become midnights (UTC): GX compares a date with no moment."""
    if kind_of(types.get(configuration.kwargs.get("column", ""), "")) != "timestamp":
        return configuration
    midnights = {
        key: f"{value}T00:00:00"
        for key, value in configuration.kwargs.items()
        if key in _COMPARED and isinstance(value, str) and _DATE.fullmatch(value)
    }
    return ExpectationConfiguration(
        type=configuration.type,
        kwargs={**configuration.kwargs, **midnights},
        severity=configuration.severity,
        id=configuration.id,
    )


def _on_duckdb(
    batch: Batch, configurations: list[ExpectationConfiguration], types: Mapping[str, str]
) -> dict[str, ExpectationValidationResult]:
    if not configurations:
        return {}
    with nan_as_null(batch, types) as view:
        engine = DuckDBExecutionEngine(batch.connection, view)
        try:
            results = {_place_of(result): result for result in run_on(engine, configurations)}
            # GX puts the metrics of all expectations into one query: one that fails takes the others with it.
            for configuration in [each for each in configurations if raised(results[_place(each)])]:
                (results[_place(configuration)],) = run_on(engine, [configuration])
        finally:
            engine.close()
    for configuration in configurations:
        error = raised(results[_place(configuration)])
        if error and _is_row_wise(configuration):
            _LOG.info("%s of table %s runs in chunks, as DuckDB says: %s", configuration.type, batch.table, error)
            results[_place(configuration)] = run_in_chunks(batch, configuration)
    return results


def _is_row_wise(configuration: ExpectationConfiguration) -> bool:
    implementation = get_expectation_impl(configuration.type)
    return issubclass(implementation, ColumnMapExpectation) and configuration.type not in _NOT_ROW_WISE


def _is_for_pandas(configuration: ExpectationConfiguration, types: Mapping[str, str]) -> bool:
    """Also where SQL would cast and pandas would not: a number compared with a column of strings, or the reverse."""
    if configuration.type in PANDAS_TYPES:
        return True
    if not _is_row_wise(configuration):
        return False
    allowed = _LITERALS.get(kind_of(types[configuration.kwargs["column"]]) or "", (object,))
    given = [configuration.kwargs.get(key) for key in _COMPARED]
    values = [value for each in given for value in (each if isinstance(each, list) else [each])]
    return not all(value is None or isinstance(value, allowed) for value in values)


def _obstacle(
    configuration: ExpectationConfiguration, types: Mapping[str, str], unusable: Mapping[str, str]
) -> str | None:
    if configuration.type == "expect_column_to_exist":
        return None
    for column in columns_of(configuration):
        if column in unusable:
            return unusable[column]
        if column not in types:
            return f"column `{column}` is missing"
    return None


def _not_run(configuration: ExpectationConfiguration, reason: str) -> ExpectationValidationResult:
    error = {"raised_exception": True, "exception_message": reason, "exception_traceback": ""}
    return ExpectationValidationResult(success=False, expectation_config=configuration, exception_info=error)


def _place(configuration: ExpectationConfiguration) -> str:
    return str(configuration.id)


def _place_of(result: ExpectationValidationResult) -> str:
    assert result.expectation_config is not None
    return _place(result.expectation_config)
