"""From what is known of look-ups and windows to the online tables that a model server reads."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Interval, OnlineTable
from retrainer.features import FROM, UNTIL, FeatureTables, KnownValues, known_lookups, known_windows
from retrainer.online import definitions, online_uri
from retrainer.online.definition import LOOKUP, WINDOW
from retrainer.online.file import TableName
from retrainer.online.publish import publish, published, table_file
from retrainer.snapshots import write_file

_LOG = logging.getLogger(__name__)

LATE = timedelta(days=1)
"""The tables also hold what counted for events of up to so long before they were made."""


@dataclass(frozen=True)
class OnlinePlace:
    """The online tables of one model, under the data folder `data_uri`."""

    config: ModelConfig
    data_uri: str

    def publish_lookups(self, known: Iterable[KnownValues], *, as_of: datetime) -> Iterator[OnlineTable]:
        """Publish look-ups, unless newer ones are there."""
        return (self._publish(LOOKUP, each, as_of) for each in known)

    def publish_windows(self, known: Iterable[KnownValues], *, as_of: datetime) -> Iterator[OnlineTable]:
        """Publish windows, unless newer ones are there; `as_of` is the start of the newest interval in them."""
        return (self._publish(WINDOW, each, as_of) for each in known)

    def has_windows(self, as_of: datetime) -> bool:
        """Are all windows there as of that moment, or newer, by their present definition?"""
        there = {(name.table, name.definition): name.as_of for name in published(self._uri)}
        wanted = [item for item in definitions(self.config).items() if item[0].startswith(WINDOW)]
        return all(item in there and there[item] >= as_of for item in wanted)

    def _publish(self, kind: str, known: KnownValues, as_of: datetime) -> OnlineTable:
        rows = known.rows.to_arrow_table()
        table = f"{kind}-{known.name}"
        name = TableName.of(table, definitions(self.config)[table], as_of)
        source = self.config.source
        event_time = source.tables[source.rows].event_time
        file = table_file(rows, event_time=event_time, by=known.by, span=(FROM, UNTIL))
        is_published = publish(self._uri, name, file, write=write_file)
        said = "published" if is_published else "not published: a newer one is there"
        _LOG.info("online table %s as of %s, %d rows: %s", table, name.as_of.isoformat(), rows.num_rows, said)
        return OnlineTable(name=table, as_of=name.as_of, rows=rows.num_rows, published=is_published)

    @property
    def _uri(self) -> str:
        return online_uri(self.data_uri, self.config.name)


def publish_known(tables: FeatureTables, config: ModelConfig, data_uri: str, *, as_of: datetime) -> list[OnlineTable]:
    """Publish every look-up and window as known at `as_of`, where an interval ends."""
    place = OnlinePlace(config, data_uri)
    windows = known_windows(tables, config, intervals=intervals_now(config, as_of))
    return [
        *place.publish_lookups(known_lookups(tables, config, since=as_of - LATE), as_of=as_of),
        *place.publish_windows(windows, as_of=as_of),
    ]


def needed_since(config: ModelConfig, table: str, as_of: datetime) -> datetime:
    """The earliest event time of a table that matters for what is known at `as_of`."""
    features = config.features
    if table == config.source.rows:
        longest = max((window.over for window in features.windows.values()), default=timedelta(0))
        return intervals_now(config, as_of)[0].start - longest
    ages = [lookup.max_age for lookup in features.lookups.values() if lookup.table == table]
    return as_of - LATE - max(ages, default=timedelta(0))


def intervals_now(config: ModelConfig, as_of: datetime) -> list[Interval]:
    """The intervals whose rows may be asked about at `as_of`: those that end later than LATE before it.

    The last one holds `as_of`, or begins there.
    """
    schedule = config.schedule
    start = schedule.interval_before(as_of - LATE).end
    following = as_of + 2 * schedule.longest_interval() + LATE
    return [each for each in schedule.intervals(start, following) if each.start <= as_of]
