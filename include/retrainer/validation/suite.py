"""What must hold for a table, built from its declaration and checked when it is built."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal, Protocol

from great_expectations.exceptions.exceptions import GreatExpectationsError
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.metadata_types import FailureSeverity
from pydantic import JsonValue

from retrainer.contracts import Severity
from retrainer.errors import ConfigurationError

ColumnKind = Literal["string", "integer", "float", "boolean", "timestamp"]


class DeclaredExpectation(Protocol):
    """An expectation as the declaration has it."""

    @property
    def type(self) -> str:
        """Any expectation type of GX."""

    @property
    def kwargs(self) -> Mapping[str, JsonValue]:
        """GX's own arguments of that type."""

    @property
    def severity(self) -> Severity:
        """A failed critical one stops the run; a failed warning goes on record."""


@dataclass(frozen=True)
class Expectation:
    """The smallest `DeclaredExpectation`."""

    type: str
    kwargs: Mapping[str, JsonValue] = field(default_factory=dict)
    severity: Severity = "critical"


@dataclass(frozen=True)
class RowCountRule:
    """An interval has between `min_share` and `max_share` times the median row count of the last weeks.

    The median is over the past counts of the same weekday (UTC) where there are two of those, else over all of
    them; with fewer than two past counts the check passes and says so.
    """

    min_share: float = 0.5
    max_share: float = 2.0
    severity: Severity = "critical"


@dataclass(frozen=True)
class FreshnessRule:
    """The last `event_time` (naive ones are UTC) is at most `max_gap` before the end of the interval."""

    event_time: str
    max_gap: timedelta
    severity: Severity = "critical"


@dataclass(frozen=True)
class Suite:
    """Everything that must hold for one table.

    `columns` are the declared ones: each must be there, of its kind, not all null and (floats) free of infinities;
    those in `may_be_empty` may be all null. Without `columns` the content checks look at every column there is.
    `key` identifies a row; empty: no check. A rule that is None is not checked.

    Raises:
        ConfigurationError: GX does not know an expectation's type or refuses its arguments.
    """

    table: str
    expectations: Sequence[DeclaredExpectation] = ()
    columns: Mapping[str, ColumnKind] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    may_be_empty: frozenset[str] = frozenset()
    row_count: RowCountRule | None = None
    freshness: FreshnessRule | None = None

    def __post_init__(self) -> None:
        self.configurations()

    def configurations(self) -> list[ExpectationConfiguration]:
        """The expectations for GX, in the declared order; `id` is the place in it."""
        return [_configure(self.table, index, each) for index, each in enumerate(self.expectations)]


def columns_of(configuration: ExpectationConfiguration) -> list[str]:
    """The columns whose values an expectation reads, as far as its arguments name them."""
    kwargs = configuration.kwargs
    if configuration.type.startswith("expect_table_"):
        return []
    named = [kwargs[key] for key in ("column", "column_A", "column_B") if kwargs.get(key)]
    return [*named, *(kwargs.get("column_list") or [])]


def _configure(table: str, index: int, declared: DeclaredExpectation) -> ExpectationConfiguration:
    configuration = ExpectationConfiguration(
        type=declared.type,
        kwargs=dict(declared.kwargs),
        severity=FailureSeverity(declared.severity),
        id=str(index),
    )
    try:
        configuration.to_domain_obj()
    # GX lets anything out of an expectation's validators: pydantic's ValidationError, TypeError, ValueError, KeyError.
    except (GreatExpectationsError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
        raise ConfigurationError(
            f"table {table!r}, expectation {index} ({declared.type}): GX refuses {dict(declared.kwargs)}: {reason}"
        ) from error
    return configuration
