"""Numbers, times and sources as a reader wants them."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from retrainer.config.source import Source
from retrainer.contracts import Decision, Interval

ABSENT = "-"


def number(value: float | None) -> str:
    """Four digits that matter; a dash where there is none."""
    if value is None:
        return ABSENT
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value or 0.0:.4g}"


def measured(value: float | None) -> str:
    """A metric: four decimals where it is of their size, so that two of them line up."""
    return f"{value:.4f}" if value is not None and 0.001 <= abs(value) < 100 else number(value)


def signed(value: float | None) -> str:
    """A difference: as `measured`, with its sign."""
    return f"+{measured(value)}" if value is not None and value > 0 else measured(value)


def bounds(low: float | None, high: float | None) -> str:
    """An interval of differences; a dash where there is none."""
    return ABSENT if low is None or high is None else f"[{signed(low)}, {signed(high)}]"


def own_bounds(low: float | None, high: float | None) -> str:
    """An interval of values; a dash where there is none."""
    return ABSENT if low is None or high is None else f"[{measured(low)}, {measured(high)}]"


def moment(value: datetime) -> str:
    """A moment in UTC, to the minute."""
    return f"{value:%Y-%m-%d %H:%M} UTC"


def between(interval: Interval | None) -> str:
    """The two ends of an interval; a dash where there is none."""
    return ABSENT if interval is None else f"{moment(interval.start)} to {moment(interval.end)}"


def duration(length: timedelta) -> str:
    """A length of time in its largest whole unit."""
    seconds = round(length.total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds % size == 0 and seconds >= size:
            return f"{seconds // size} {unit}{'' if seconds == size else 's'}"
    return f"{seconds} seconds"


def verdict(decision: Decision) -> str:
    """The decision in one sentence."""
    return f"{'Promote' if decision.promote else 'Reject'}: {decision.reason}"


def reference(decision: Decision) -> str:
    """What the challenger was compared with."""
    return "baseline rule" if decision.champion_version is None else f"champion v{decision.champion_version}"


def source_place(source: Source) -> str:
    """Where the rows come from, without user, host or password."""
    if source.connection is not None:
        return f"Airflow connection {source.connection}"
    url = urlsplit(source.url or "")
    return f"{url.scheme.partition('+')[0]} database {url.path.rstrip('/').rpartition('/')[2]}"
