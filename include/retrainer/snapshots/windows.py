"""Which partitions a run needs of each table: those of its windows, and the history that features look back on."""

from datetime import UTC, datetime, time, timedelta

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Interval


def table_window(config: ModelConfig, table: str, interval: Interval, *, as_of: datetime) -> Interval:
    """The stretch of `table` that a run at `as_of` needs, in whole intervals; it ends with the run's own `interval`.

    It is training, gap and holdout, and before them what look-ups (max_age and delay) and window features (over)
    reach back to; never before the schedule's start.
    """
    wanted = windows_start(config, as_of) - reach(config, table)
    start = max(config.schedule.interval_before(wanted).end, _first(config))
    return Interval(start=min(start, interval.start), end=interval.end)


def windows_start(config: ModelConfig, as_of: datetime) -> datetime:
    """Where the training window begins."""
    windows = config.windows
    return config.schedule.days_before(as_of, windows.training_days + windows.gap_days + windows.holdout_days)


def windows_intervals(config: ModelConfig, interval: Interval, *, as_of: datetime) -> list[Interval]:
    """Every interval of training, gap and holdout window that the schedule has, the run's own `interval` last."""
    start = max(windows_start(config, as_of), _first(config))
    return required_intervals(config, Interval(start=min(start, interval.start), end=interval.end), interval)


def required_intervals(config: ModelConfig, window: Interval, interval: Interval) -> list[Interval]:
    """Every interval in `window`, in order, the run's own `interval` last."""
    found = config.schedule.intervals(window.start, window.end)
    return [*(each for each in found if each.end <= interval.start), interval]


def reach(config: ModelConfig, table: str) -> timedelta:
    """How far before an event its features look back in `table`."""
    lookups = [each.max_age + each.delay for each in config.features.lookups.values() if each.table == table]
    windows = [each.over for each in config.features.windows.values()] if table == config.source.rows else []
    return max([*lookups, *windows], default=timedelta(0))


def _first(config: ModelConfig) -> datetime:
    return datetime.combine(config.schedule.start, time.min, tzinfo=config.schedule.zone).astimezone(UTC)
