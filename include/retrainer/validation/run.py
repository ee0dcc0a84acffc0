"""The validation of one batch against what its table declares."""

import logging

from retrainer.validation.batch import Batch, view_types
from retrainer.validation.content import check_content
from retrainer.validation.expectations import run_expectations
from retrainer.validation.outcome import Outcome, suite_result, to_check
from retrainer.validation.schema import check_schema, unusable_columns
from retrainer.validation.suite import Suite

_LOG = logging.getLogger(__name__)

_SESSION = ("TimeZone = 'UTC'", "enable_progress_bar = false")
"""Naive timestamps are UTC; a progress bar would go to stdout, where results go."""


def validate(batch: Batch, suite: Suite) -> Outcome:
    """Check the rows of `batch` against `suite`.

    Verdicts and failure counts are those of GX on pandas over the same rows read from Parquet, NaN being null; one
    thing is more lenient than there: a date such as `2013-01-31` may bound a timestamp column, as its midnight.
    Memory is bounded by DuckDB's `memory_limit` and one chunk of rows. An empty batch passes what holds for no rows.

    Raises:
        duckdb.Error: the view of the batch cannot be read.
    """
    for setting in _SESSION:
        batch.connection.execute(f"SET {setting}")
    types = view_types(batch)
    configurations = suite.configurations()
    results = run_expectations(batch, configurations, types, unusable_columns(batch, suite))
    declared = [to_check(batch, *pair) for pair in zip(configurations, results, strict=True)]
    checks = (*check_schema(batch, suite), *check_content(batch, suite, types), *declared)
    outcome = Outcome(table=batch.table, batch=batch.name, checks=checks, result=suite_result(batch, results))
    _LOG.info("%s/%s: %d checks, %d failed", batch.table, batch.name, len(checks), len(outcome.failed))
    return outcome
