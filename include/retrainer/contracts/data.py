"""What the data steps hand on: pinned tables as URIs, versions, counts and digests, never rows."""

from typing import Literal

from pydantic import Field

from retrainer.contracts.base import Contract, UtcDatetime
from retrainer.contracts.interval import Interval

Severity = Literal["critical", "warning"]


class TableArrival(Contract):
    """How much of one source table's interval has landed. `expected_rows` is null where the source does not say."""

    table: str
    rows: int = Field(ge=0)
    expected_rows: int | None = None
    complete: bool
    missing: str = ""
    """In words, what is missing; empty when `complete`."""


class Arrival(Contract):
    """Result of wait_for_data."""

    interval: Interval
    tables: tuple[TableArrival, ...]


class TableRef(Contract):
    """A pinned version of a Delta table, restricted to the partitions [window.start, window.end).

    `digest` is SHA-256 over the content of the rows, partition by partition, so that it is the same wherever
    and however often they are written.
    """

    table: str
    uri: str
    version: int = Field(ge=0)
    window: Interval
    rows: int = Field(ge=0)
    digest: str


class StagedTable(Contract):
    """Rows just extracted from one source table, not yet validated, in a Delta table of their own.

    `columns` are the names and SQL types as the source has them now. `partitions` are the keys of the intervals that
    were extracted, the run's own interval last; `rows` counts them after exact repeats were dropped.
    """

    table: str
    uri: str
    version: int = Field(ge=0)
    columns: dict[str, str]
    partitions: tuple[str, ...]
    rows: int = Field(ge=0)
    repeated_rows: int = Field(ge=0)
    digest: str


class StagedSnapshot(Contract):
    """Result of snapshot. `reused` counts the validated partitions of the windows that were there and are kept."""

    interval: Interval
    window: Interval
    tables: tuple[StagedTable, ...]
    reused: int = Field(ge=0)


class CheckResult(Contract):
    """One expectation on one batch: its verdict, how many rows failed it, and both in words."""

    table: str
    batch: str
    """`interval`, `window`, or the key of one partition."""
    expectation: str
    column: str | None = None
    severity: Severity
    success: bool
    failed_rows: int = Field(default=0, ge=0)
    message: str


class ValidationReport(Contract):
    """Result of validate_data: the validated snapshot, pinned. `quality` is the share of checks passed, 0 to 1."""

    snapshot: tuple[TableRef, ...]
    checks: int = Field(ge=0)
    failed: tuple[CheckResult, ...]
    quarantined: tuple[str, ...] = ()
    """Partition keys of the window that were set aside; the run's own interval never is (the run stops instead)."""
    quality: float = Field(ge=0, le=1)
    docs_uri: str
    docs_url: str = ""


class FeatureSet(Contract):
    """Result of build_features: the feature table, pinned, and the windows to cut it into."""

    table: TableRef
    snapshot: tuple[TableRef, ...]
    training: Interval
    holdout: Interval
    as_of: UtcDatetime
