"""The verdict on a batch: every check in words and numbers, and GX's own results for its documents."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from great_expectations.core.expectation_validation_result import (
    ExpectationSuiteValidationResult,
    ExpectationValidationResult,
)
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from retrainer.contracts import CheckResult, Severity
from retrainer.validation.batch import Batch
from retrainer.validation.gx_duckdb import raised
from retrainer.validation.suite import columns_of

_DOMAIN = ("column", "column_A", "column_B", "column_list", "batch_id")
_LONGEST = 200


@dataclass(frozen=True)
class Outcome:
    """All checks of one batch: the built-in ones first, then the declared expectations in their order."""

    table: str
    batch: str
    checks: tuple[CheckResult, ...]
    result: ExpectationSuiteValidationResult
    """GX's results of the declared expectations."""

    @property
    def success(self) -> bool:
        """Has no critical check failed?"""
        return not any(check.severity == "critical" for check in self.failed)

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """The failed checks, critical or not."""
        return tuple(check for check in self.checks if not check.success)

    @property
    def quality(self) -> float:
        """Share of checks passed, 0 to 1; 1 where there is none."""
        return 1 - len(self.failed) / len(self.checks) if self.checks else 1.0


def suite_result(batch: Batch, results: Sequence[ExpectationValidationResult]) -> ExpectationSuiteValidationResult:
    """GX's own summary of `results`."""
    passed = sum(bool(result.success) for result in results)
    return ExpectationSuiteValidationResult(
        suite_name=f"{batch.table}.{batch.name}",
        success=passed == len(results),
        results=list(results),
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(results) - passed,
            "success_percent": 100 * passed / len(results) if results else None,
        },
        meta={"batch_spec": {"table": batch.table, "batch": batch.name}},
    )


def to_check(batch: Batch, configuration: ExpectationConfiguration, result: ExpectationValidationResult) -> CheckResult:
    """GX's result as a check. The message holds counts and aggregates, never values of single rows."""
    columns = columns_of(configuration)
    severity: Severity = "warning" if configuration.severity == "warning" else "critical"
    return CheckResult(
        table=batch.table,
        batch=batch.name,
        expectation=configuration.type,
        column=", ".join(columns) or None,
        severity=severity,
        success=bool(result.success),
        failed_rows=_failed_rows(configuration, result.result or {}),
        message=_message(configuration, columns, result),
    )


def _failed_rows(configuration: ExpectationConfiguration, details: dict[str, Any]) -> int:
    key = "observed_value" if configuration.type == "unexpected_rows_expectation" else "unexpected_count"
    return int(details.get(key) or 0)


def _message(configuration: ExpectationConfiguration, columns: list[str], result: ExpectationValidationResult) -> str:
    subject = ", ".join(f"`{column}`" for column in columns) or "table"
    rule = f"{configuration.type}({_arguments(configuration.kwargs)})"
    error = raised(result)
    if error:
        return f"{subject}: {rule} could not be checked: {error}"
    details: dict[str, Any] = result.result or {}
    if "element_count" in details:
        rows, failed, nulls = details["element_count"], details["unexpected_count"], details.get("missing_count") or 0
        share = f" ({failed / (rows - nulls):.2%})" if rows > nulls else ""
        return f"{subject}: {failed} of {rows - nulls} values{share} fail {rule}"
    if details.get("observed_value") is not None:
        return f"{subject}: {rule}, observed {_short(details['observed_value'])}"
    return f"{subject}: {rule} {'holds' if result.success else 'does not hold'}"


def _arguments(kwargs: dict[str, Any]) -> str:
    return ", ".join(
        f"{key}={_short(value)}" for key, value in kwargs.items() if key not in _DOMAIN and value is not None
    )


def _short(value: object) -> str:
    text = repr(value) if isinstance(value, str | list | dict) else str(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
