"""refresh_online: look-ups and windows as they are now in the source, between two training runs."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings
from retrainer.config.schedule import Schedule
from retrainer.contracts import Interval, OnlineRefresh, OnlineTable, StepRequest
from retrainer.errors import RetrainerError
from retrainer.features import FeatureTables, known_lookups, known_windows
from retrainer.snapshots import DataPlace, connect, partition_counts
from retrainer.sources import open_engine
from retrainer.sources.extract import OpenSource, open_source
from retrainer.steps.inputs import declaration
from retrainer.steps.other_definitions import OtherDefinition, other_definitions
from retrainer.steps.publish_online import LATE, OnlinePlace, intervals_now, needed_since
from retrainer.steps.source_rows import read_rows

_LOG = logging.getLogger(__name__)


def run(request: StepRequest, settings: RuntimeSettings) -> OnlineRefresh:
    """Publish what the source has now, as far back as look-ups and windows reach, by the definition of the features.

    Windows are published once for each interval: when those before it have landed as a whole, none was set aside by a
    training run, and all of their rows are of their declared types. Until then what was published before stays. Of a
    look-up, rows that are not of their declared types are left out, and so are intervals that were set aside.

    What the champion, a version on trial or the one that a rollback goes to defines otherwise is published as well, by
    the declaration that was saved with it. Where that cannot be done, the log says so.

    Raises:
        SourceUnavailableError: the source did not answer.
        BadDataError: a declared table or column is not in the source, or is of another type. What is there stays.
        ConfigurationError: the source's connection is not known.
    """
    config = declaration(request)
    over = _over(config.schedule, request.as_of)
    if over:
        _LOG.info("nothing to refresh: %s", over)
        return OnlineRefresh(tables=(), message=over)
    refreshed = [_refresh(config, request, settings)]
    refreshed += [_of_version(each, request, settings) for each in other_definitions(config, settings)]
    return OnlineRefresh(
        tables=tuple(table for each in refreshed for table in each.tables),
        left_out=sum(each.left_out for each in refreshed),
        message="; ".join(each.message for each in refreshed if each.message),
    )


def _refresh(config: ModelConfig, request: StepRequest, settings: RuntimeSettings) -> OnlineRefresh:
    engine = open_engine(config.source, connection_url=settings.connection_url, root=settings.project_root)
    with open_source(engine, config.source) as source, connect() as connection:
        return _Refresh(config, request.as_of, settings.data_uri, source, connection).refresh()


def _of_version(other: OtherDefinition, request: StepRequest, settings: RuntimeSettings) -> OnlineRefresh:
    """Publish what a version defines otherwise. Its source may have changed since: that fails nothing else."""
    try:
        refreshed = _refresh(other.config, request, settings)
    except (RetrainerError, duckdb.Error) as error:
        problem = str(error).partition("\n")[0]
        message = f"what v{other.version} defines otherwise stays as it is: {problem}"
        _LOG.warning("%s", message)
        return OnlineRefresh(tables=(), message=message)
    message = f"v{other.version}: {refreshed.message}" if refreshed.message else ""
    return refreshed.model_copy(update={"message": message})


@dataclass(frozen=True)
class _Refresh:
    config: ModelConfig
    as_of: datetime
    data_uri: str
    source: OpenSource
    connection: duckdb.DuckDBPyConnection

    def refresh(self) -> OnlineRefresh:
        online = OnlinePlace(self.config, self.data_uri)
        lookups, left_out = self._lookups(online)
        intervals = intervals_now(self.config, self.as_of)
        if online.has_windows(intervals[-1].start):
            return OnlineRefresh(tables=lookups, left_out=left_out)
        windows, message = self._windows(online, intervals)
        return OnlineRefresh(tables=(*lookups, *windows), left_out=left_out, message=message)

    def _lookups(self, online: OnlinePlace) -> tuple[tuple[OnlineTable, ...], int]:
        """Publish the look-ups; and how many rows were left out."""
        left_out, views = 0, {}
        for name in sorted({lookup.table for lookup in self.config.features.lookups.values()}):
            pieces = self._pieces(needed_since(self.config, name, self.as_of), self.as_of)
            fit = [piece for piece in pieces if not self._is_set_aside(name, piece)]
            rows = read_rows(self.source, name, fit, connection=self.connection)
            left_out += rows.left_out
            views[name] = rows.view
        known = known_lookups(FeatureTables(self.connection, views), self.config, since=self.as_of - LATE)
        return tuple(online.publish_lookups(known, as_of=self.as_of)), left_out

    def _windows(self, online: OnlinePlace, intervals: Sequence[Interval]) -> tuple[tuple[OnlineTable, ...], str]:
        """Publish the windows of `intervals`, of which the last is the newest; or say why they stay as they are."""
        name, start = self.config.source.rows, intervals[-1].start
        pieces = self._pieces(needed_since(self.config, name, self.as_of), start)
        stays = self._unusable(name, self._touched(pieces, start))
        if not stays:
            rows = read_rows(self.source, name, pieces, connection=self.connection)
            if rows.left_out:
                stays = f"{rows.left_out} rows of table {name!r} are not of their declared types, or share their key"
        if stays:
            _LOG.warning("windows stay as they are: %s", stays)
            return (), f"windows stay as they are: {stays}"
        tables = FeatureTables(self.connection, {name: rows.view})
        return tuple(online.publish_windows(known_windows(tables, self.config, intervals=intervals), as_of=start)), ""

    def _unusable(self, name: str, pieces: Sequence[Interval]) -> str:
        """In words, why the windows cannot be made of these intervals of a table; empty if they can."""
        aside = [piece.key for piece in pieces if self._is_set_aside(name, piece)]
        if aside:
            return f"interval {aside[0]} of table {name!r} was set aside"
        landed = {each.key for each in self.source.table(name).complete(pieces)}
        missing = [piece.key for piece in pieces if piece.key not in landed]
        return f"interval {missing[0]} of table {name!r} has not landed as a whole" if missing else ""

    def _touched(self, pieces: Sequence[Interval], start: datetime) -> list[Interval]:
        """Those of `pieces` that a window of the interval at `start` looks at, from the schedule's first day on."""
        longest = max(window.over for window in self.config.features.windows.values())
        first = self.config.schedule.start
        zone = self.config.schedule.zone
        return [each for each in pieces if each.end > start - longest and each.start.astimezone(zone).date() >= first]

    def _pieces(self, since: datetime, until: datetime) -> list[Interval]:
        """The intervals of the schedule from the one with `since` in it; the last one ends at `until`."""
        schedule = self.config.schedule
        first = schedule.interval_before(since).end
        whole = schedule.intervals(first, until)
        last = whole[-1].end if whole else first
        return [*whole, Interval(start=last, end=until)] if last < until else whole

    def _is_set_aside(self, name: str, piece: Interval) -> bool:
        return bool(partition_counts(DataPlace(self.data_uri, self.config.name).quarantine(name, piece.key)))


def _over(schedule: Schedule, as_of: datetime) -> str:
    """In words, that the schedule is over; empty while it is not."""
    if schedule.end is None or as_of.astimezone(schedule.zone).date() < schedule.end:
        return ""
    return f"the schedule ended on {schedule.end}"
