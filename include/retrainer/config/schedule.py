"""When the model is retrained, and the intervals that follow from it."""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from croniter import CroniterBadDateError, CroniterError, croniter
from pydantic import Field, field_validator, model_validator

from retrainer.config.near_miss import one_of, shown
from retrainer.config.section import Flag, Real, Section, Whole, refuse
from retrainer.contracts import Interval

_RANDOM = re.compile(r"^[rh](\(|/|$)", re.IGNORECASE)
"""Fields that croniter draws at random or from a hash: another schedule at each parse."""

_LONGEST_CLOCK_CHANGE = timedelta(hours=4)


@lru_cache(maxsize=256)
def _cron_mistake(cron: str) -> str | None:
    fields = cron.split()
    if len(fields) == 5 and not any(_RANDOM.match(field) for field in fields):
        try:
            croniter(cron, datetime(2000, 1, 1)).get_prev(datetime)  # noqa: DTZ001 any moment does
        except CroniterBadDateError:
            return f"{shown(cron)} never comes: no date matches it"
        except (CroniterError, ValueError):
            pass
        else:
            return None
    return f"must be a five-field cron expression such as '0 0 * * *', got {shown(cron)}"


class Schedule(Section):
    """Nightly, or whenever the cron expression says; and on new data."""

    cron: str
    """Five-field cron expression in the time zone below. A run's interval lasts from one match to the next."""
    timezone: str = "UTC"
    """IANA name, such as America/New_York."""
    start: date
    """First day that may be trained on or backfilled, local time."""
    end: date | None = None
    """No run starts an interval on or after this day, local time. Leave out for a live model."""
    on_new_data: Flag = True
    """Also run when the asset of the row table is updated."""

    @field_validator("cron")
    @classmethod
    def _valid_cron(cls, value: str) -> str:
        mistake = _cron_mistake(value)
        if mistake:
            raise ValueError(mistake)
        return value

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):  # listing every zone costs 4 ms: only to name the nearest
            return one_of(value, available_timezones(), what="time zone")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end is not None and self.end <= self.start:
            refuse("Schedule", [(("end",), f"must be after start, {self.start}, got {self.end}")])
        return self

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.timezone)

    def interval_before(self, as_of: datetime) -> Interval:
        """The last interval that is over at `as_of` (aware): the one that ends at or before it."""
        start, end = self._two_boundaries(as_of)
        return Interval(start=start, end=end)

    def intervals(self, start: datetime, end: datetime) -> list[Interval]:
        """Every interval that lies in [start, end) (both aware), in order: the data intervals of Airflow's runs.

        Keys are unique also when clocks change.
        """
        matches = croniter(self.cron)
        _, boundary = self._two_boundaries(start)
        if boundary < start:
            boundary = self._after(boundary, matches)
        found: list[Interval] = []
        while (following := self._after(boundary, matches)) <= end:
            found.append(Interval(start=boundary, end=following))
            boundary = following
        return found

    def is_over_at(self) -> datetime | None:
        """When the last interval that starts before `end` is over; None without an end."""
        if self.end is None:
            return None
        midnight = datetime.combine(self.end, time(), tzinfo=self.zone)
        _, boundary = self._two_boundaries(midnight)
        return boundary if boundary == midnight else self._after(boundary, croniter(self.cron))

    def longest_interval(self) -> timedelta:
        """How long an interval of this schedule may last, in wall-clock time, from a look at the first forty."""
        if self.cron.split()[2:] == ["*", "*", "*"]:
            return timedelta(days=1)
        matches = croniter(self.cron, datetime.combine(self.start, time()))
        boundaries: list[datetime] = [matches.get_next(datetime) for _ in range(41)]
        return max(after - before for before, after in pairwise(boundaries))

    def days_before(self, moment: datetime, days: int) -> datetime:
        """`moment` (aware) minus `days` calendar days of this time zone: the same wall-clock time."""
        return self._aware(self._local(moment) - timedelta(days=days))

    def _two_boundaries(self, moment: datetime) -> tuple[datetime, datetime]:
        """The last two boundaries at or before `moment`, found by going forward from a safe distance before it."""
        matches = croniter(self.cron, self._local(moment) - _LONGEST_CLOCK_CHANGE)
        while True:
            matches.get_prev(datetime)
            before, last = None, self._aware(matches.get_prev(datetime))
            forward = croniter(self.cron)
            while (following := self._after(last, forward)) <= moment:
                before, last = last, following
            if before is not None:
                return before, last

    def _after(self, boundary: datetime, matches: croniter) -> datetime:
        """The boundary that follows, by the rules of Airflow's CronDataIntervalTimetable.

        A schedule of every hour goes on through an hour that the clocks repeat; of any other one the second of two
        equal times counts.
        """
        local = self._local(boundary)
        following: datetime = matches.get_next(datetime, start_time=local)
        return boundary + (following - local) if matches.expanded[1] == ["*"] else self._aware(following)

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone).replace(tzinfo=None)

    def _aware(self, local: datetime) -> datetime:
        """Local wall-clock time as a moment (UTC), the later one of two.

        That is the second of two equal times, and of a time skipped by the clocks what they would have shown without
        being moved.
        """
        return max(local.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1))


class Windows(Section):
    """Which past a run learns from and which it is judged on: training, then gap, then holdout, which ends at as_of."""

    training_days: Whole = Field(ge=1, le=3660)
    """Calendar days to learn from."""
    holdout_days: Whole = Field(ge=1, le=366)
    """Calendar days to compare champion and challenger on; newer than either has seen."""
    gap_days: Whole = Field(default=0, ge=0, le=366)
    """Calendar days left out between the two. Labels of training rows must be known by the end of the gap."""
    min_coverage: Real = Field(default=0.8, gt=0, le=1)
    """Share of the intervals of both windows that must be there and valid, 0 to 1."""
    min_training_rows: Whole = Field(default=1000, ge=2)
    """Fewer labelled rows than this: the run stops as bad data."""
    min_holdout_rows: Whole = Field(default=200, ge=2)
    """Fewer labelled rows than this: the challenger is rejected for that reason."""
