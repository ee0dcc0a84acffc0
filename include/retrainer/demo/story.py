"""What the demo plays: which days land, which are trained, the day that breaks, and the nights that are watched."""

from dataclasses import dataclass
from datetime import date, timedelta

MODEL = "flight_delay"
FEED_DAG = "sample_feed"
TRAIN_DAG = "flight_delay__train"
MONITOR_DAG = "flight_delay__monitor"


@dataclass(frozen=True, slots=True)
class Chapter:
    """Days land until `as_of` (local midnight, exclusive), then the nightly run as of it is backfilled."""

    as_of: date
    broken: bool = False
    """The feed renames a column of the flights before this day lands, and the rename is undone afterwards."""

    @property
    def day(self) -> date:
        """The run's own interval: the day before as_of."""
        return self.as_of - timedelta(days=1)


FIRST_DAY = date(2013, 4, 1)
"""Far enough before the first as_of to fill the windows (60 + 14 days) and what look-ups and windows reach back to."""

RENAMED = ("dest", "destination")
"""Column of the table flights that breaks, and what upstream calls it for a day."""

STORY = (
    Chapter(date(2013, 6, 17)),
    Chapter(date(2013, 6, 24)),
    Chapter(date(2013, 7, 1)),
    Chapter(date(2013, 7, 8)),
    Chapter(date(2013, 7, 9), broken=True),
    Chapter(date(2013, 7, 10)),
)
"""About a week apart. On these real days the first model beats the rule, two challengers are rejected, the summer's
first one is promoted; then upstream breaks for a day."""

WATCHED = (date(2013, 12, 10), date(2013, 12, 11), date(2013, 12, 12))
"""As of when it is monitored, one night after another. Nobody has trained since July: winter is weather that the
summer's model has never seen, and after the third night that is confirmed."""
