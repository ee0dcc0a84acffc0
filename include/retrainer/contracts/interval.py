"""Time: the data interval of a run, always half-open and in UTC."""

from datetime import UTC, datetime
from typing import Self

from pydantic import model_validator

from retrainer.contracts.base import Contract, UtcDatetime

_KEY_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def partition_key(moment: datetime) -> str:
    """The partition value of the interval that starts at `moment` (aware): ISO 8601 in UTC, to the second."""
    return moment.astimezone(UTC).strftime(_KEY_FORMAT)


class Interval(Contract):
    """The data interval [start, end) of a run, and of one partition of every Delta table."""

    start: UtcDatetime
    end: UtcDatetime

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start >= self.end:
            raise ValueError(f"start {self.start.isoformat()} must be before end {self.end.isoformat()}")
        return self

    @property
    def key(self) -> str:
        """The partition value of this interval, such as `2013-05-27T04:00:00Z`; unique also when clocks change."""
        return partition_key(self.start)

    def contains(self, moment: datetime) -> bool:
        """Is `moment` (aware) inside [start, end)?"""
        return self.start <= moment < self.end
