"""The rows of the row table with their label and when that became known, to be joined with predictions of them."""

from collections.abc import Iterable
from datetime import datetime, time

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Interval
from retrainer.snapshots.connection import identifier

ROW_LABEL = "_retrainer_label"
ROW_KNOWN_AT = "_retrainer_known_at"
ROW_EVENT = "_retrainer_event_time"


def labelled_rows(config: ModelConfig, columns: Iterable[str], *, view: str) -> str:
    """The query of every row of `view`, which has those of the row table: `columns`, each once, then the label as a
    number (null where there is none), when it became known (null: never) and the event time."""
    source = config.source
    event = identifier(source.tables[source.rows].event_time)
    if source.label.known_at is not None:
        known_at = identifier(source.label.known_at)
    else:
        assert source.label.known_after is not None
        known_at = f"{event} + INTERVAL '{int(source.label.known_after.total_seconds())} seconds'"
    kept = ", ".join(identifier(name) for name in dict.fromkeys(columns))
    label = f"CAST(({source.label.expression}) AS DOUBLE)"
    return f"SELECT {kept}, {label} AS {ROW_LABEL}, {known_at} AS {ROW_KNOWN_AT}, {event} AS {ROW_EVENT} FROM {view}"


def first_moment(config: ModelConfig) -> datetime:
    """When the schedule begins: nothing is predicted of rows before."""
    return datetime.combine(config.schedule.start, time.min, tzinfo=config.schedule.zone)


def rows_between(config: ModelConfig, first: datetime | None, as_of: datetime) -> Interval | None:
    """The stretch of whole intervals that holds all rows from `first` (aware) to `as_of`; None where there is none."""
    if first is None or first >= as_of:
        return None
    return Interval(start=config.schedule.interval_before(first).end, end=as_of)
