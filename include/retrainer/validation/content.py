"""Checks of the rows that GX has no word for: all-null columns, infinities, repeated keys, row count, freshness."""

import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from retrainer.contracts import CheckResult, Severity
from retrainer.validation.batch import FLOAT_TYPES, Batch, aggregate, quoted, without_nan
from retrainer.validation.schema import kind_of
from retrainer.validation.suite import FreshnessRule, RowCountRule, Suite

_FEWEST_PAST_COUNTS = 2


def check_content(batch: Batch, suite: Suite, types: Mapping[str, str]) -> list[CheckResult]:
    """One scan for the columns and the last event, one grouping for the keys.

    `types` are the columns of the batch's view with their DuckDB types. Declared columns that are not there are left
    to the schema check.
    """
    columns = [column for column in types if not suite.columns or column in suite.columns]
    rows, non_null, infinite = _count_values(batch, columns, types)
    results = [_check_all_null(batch, suite, column, rows, non_null[column]) for column in columns]
    results += [_check_infinity(batch, column, count) for column, count in infinite.items()]
    if suite.key:
        results.append(_check_keys(batch, suite.key, types))
    if suite.row_count and batch.interval:
        results.append(_check_row_count(batch, suite.row_count, rows))
    if suite.freshness and batch.interval:
        results.append(_check_freshness(batch, suite.freshness, types))
    return results


def _count_values(
    batch: Batch, columns: list[str], types: Mapping[str, str]
) -> tuple[int, dict[str, int], dict[str, int]]:
    """Rows, non-null values of each column (NaN is null) and infinities of each float column."""
    floats = [column for column in columns if types[column] in FLOAT_TYPES]
    counts = ["count(*)", *(f"count({without_nan(column, types[column])})" for column in columns)]
    counts += [f"count(*) FILTER (isinf({quoted(column)}))" for column in floats]
    values = _whole_numbers(aggregate(batch, counts))
    ends = 1 + len(columns)
    return values[0], dict(zip(columns, values[1:ends], strict=True)), dict(zip(floats, values[ends:], strict=True))


def _check_all_null(batch: Batch, suite: Suite, column: str, rows: int, non_null: int) -> CheckResult:
    if rows == 0 or non_null > 0:
        return _result(batch, "all_null", f"column `{column}` has values", column=column)
    if column in suite.may_be_empty:
        return _result(
            batch, "all_null", f"column `{column}` is null in all {rows} rows, which is allowed", column=column
        )
    message = f"column `{column}` is null in all {rows} rows"
    return _result(batch, "all_null", message, column=column, failed_rows=rows, success=False)


def _check_infinity(batch: Batch, column: str, infinite: int) -> CheckResult:
    if not infinite:
        return _result(batch, "infinity", f"column `{column}` has no infinities", column=column)
    message = f"column `{column}` is infinite in {infinite} rows"
    return _result(batch, "infinity", message, column=column, failed_rows=infinite, success=False)


def _check_keys(batch: Batch, key: tuple[str, ...], types: Mapping[str, str]) -> CheckResult:
    shown = ", ".join(f"`{column}`" for column in key)
    column = key[0] if len(key) == 1 else None
    missing = [name for name in key if name not in types]
    if missing:
        message = f"key {shown}: column `{missing[0]}` is missing"
        return _result(batch, "duplicate_keys", message, column=missing[0], success=False)
    names = ", ".join(quoted(name) for name in key)
    repeats = f"(SELECT count(*) AS repeats FROM {quoted(batch.view)} GROUP BY {names} HAVING count(*) > 1)"
    keys, rows = _whole_numbers(aggregate(batch, ["count(*)", "coalesce(sum(repeats), 0)"], source=repeats))
    if not keys:
        return _result(batch, "duplicate_keys", f"key {shown} is unique", column=column)
    message = f"key {shown}: {keys} keys are in more than one row ({rows} rows)"
    return _result(batch, "duplicate_keys", message, column=column, failed_rows=rows, success=False)


def _check_row_count(batch: Batch, rule: RowCountRule, rows: int) -> CheckResult:
    assert batch.interval is not None
    counts, which = _comparable(batch)
    if len(counts) < _FEWEST_PAST_COUNTS:
        message = (
            f"{rows} rows; {len(counts)} past intervals are too few to compare with ({_FEWEST_PAST_COUNTS} needed)"
        )
        return _result(batch, "row_count", message, severity=rule.severity)
    median = statistics.median(counts)
    low, high = rule.min_share * median, rule.max_share * median
    message = f"{rows} rows; {low:.0f} to {high:.0f} are allowed (median {median:.0f} of {len(counts)} {which})"
    return _result(batch, "row_count", message, severity=rule.severity, success=low <= rows <= high)


def _comparable(batch: Batch) -> tuple[list[int], str]:
    assert batch.interval is not None
    weekday = batch.interval.start.astimezone(batch.zone).weekday()
    same = [count.rows for count in batch.past if count.start.astimezone(batch.zone).weekday() == weekday]
    if len(same) >= _FEWEST_PAST_COUNTS:
        return same, "intervals of the same weekday"
    return [count.rows for count in batch.past], "past intervals"


def _check_freshness(batch: Batch, rule: FreshnessRule, types: Mapping[str, str]) -> CheckResult:
    assert batch.interval is not None
    column = rule.event_time
    sql_type = types.get(column)
    if sql_type is None or kind_of(sql_type) != "timestamp":
        found = "is missing" if sql_type is None else f"must be timestamp, found {sql_type}"
        return _result(
            batch, "freshness", f"column `{column}` {found}", column=column, severity=rule.severity, success=False
        )
    (microseconds,) = aggregate(batch, [f"epoch_us(max({quoted(column)}))"])
    end = batch.interval.end
    if not isinstance(microseconds, int):
        message = f"no `{column}` before the interval's end {end.isoformat()}"
        return _result(batch, "freshness", message, column=column, severity=rule.severity, success=False)
    last = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    message = (
        f"last `{column}` {last.isoformat()}, {_hours(end - last)} before the interval's end; "
        f"at most {_hours(rule.max_gap)} are allowed"
    )
    return _result(
        batch, "freshness", message, column=column, severity=rule.severity, success=end - last <= rule.max_gap
    )


def _whole_numbers(values: Sequence[object]) -> list[int]:
    return [int(str(value)) for value in values]


def _hours(gap: timedelta) -> str:
    return f"{gap.total_seconds() / 3600:.1f} h"


def _result(
    batch: Batch,
    expectation: str,
    message: str,
    *,
    column: str | None = None,
    severity: Severity = "critical",
    success: bool = True,
    failed_rows: int = 0,
) -> CheckResult:
    return CheckResult(
        table=batch.table,
        batch=batch.name,
        expectation=expectation,
        column=column,
        severity=severity,
        success=success,
        failed_rows=failed_rows,
        message=message,
    )
