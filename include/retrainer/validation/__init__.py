"""Is a batch of rows fit to train on? Great Expectations over DuckDB, and what it has no word for."""

from retrainer.validation.batch import Batch, PastCount
from retrainer.validation.docs import render
from retrainer.validation.outcome import Outcome
from retrainer.validation.run import validate
from retrainer.validation.suite import (
    ColumnKind,
    DeclaredExpectation,
    Expectation,
    FreshnessRule,
    RowCountRule,
    Suite,
)

__all__ = [
    "Batch",
    "ColumnKind",
    "DeclaredExpectation",
    "Expectation",
    "FreshnessRule",
    "Outcome",
    "PastCount",
    "RowCountRule",
    "Suite",
    "render",
    "validate",
]
