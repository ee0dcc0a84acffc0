"""The events of drift episodes: what opened and ended them, what was done, and what became of that. Append-only."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, RowMapping, func, insert, select

from retrainer.contracts import EpisodeTopic, Interval, NewEpisodeEvent, RecordedEvent
from retrainer.ledger.database import unavailable
from retrainer.ledger.lock import exclusive
from retrainer.ledger.schema import episode_events as table
from retrainer.ledger.store import Store, values_of


class Episodes(Store):
    """The episodes of all models, event by event."""

    def append(self, events: Sequence[NewEpisodeEvent]) -> tuple[RecordedEvent, ...]:
        """Append those that are not there yet, in their order; all of `events` as they stand now.

        The same identity is the same event: what is there stays as it is. All events are of the same model, and are
        written in one transaction.

        Raises:
            LedgerUnavailableError: the database failed. Nothing was written.
        """
        if not events:
            return ()
        model = events[0].model
        alone = exclusive(self._engine, f"{model}.episodes")
        with alone, unavailable(self._engine.url), self._engine.begin() as connection:
            there = _identities(connection, model)
            last = connection.execute(select(func.max(table.c.sequence)).where(table.c.model == model)).scalar() or 0
            for event in events:
                if event.identity not in there:
                    last += 1
                    there.add(event.identity)
                    connection.execute(insert(table).values(_row(event, sequence=last)))
        asked = {event.identity for event in events}
        return tuple(event for event in self.events(model) if event.identity in asked)

    def events(self, model: str, topic: EpisodeTopic | None = None) -> tuple[RecordedEvent, ...]:
        """All events of a model, oldest first; where it is said, only those about `topic`."""
        query = select(table).where(table.c.model == model).order_by(table.c.sequence)
        if topic is not None:
            query = query.where(table.c.topic == topic)
        with unavailable(self._engine.url), self._engine.connect() as connection:
            return tuple(_event(row) for row in connection.execute(query).mappings())


def _identities(connection: Connection, model: str) -> set[str]:
    return set(connection.execute(select(table.c.identity).where(table.c.model == model)).scalars())


def _row(event: NewEpisodeEvent, *, sequence: int) -> dict[str, object]:
    values = event.model_dump(exclude={"interval", "details"})
    return values | {
        "details": event.model_dump(mode="json")["details"],
        "interval_start": event.interval.start,
        "interval_end": event.interval.end,
        "sequence": sequence,
        "created_at": datetime.now(UTC),
    }


def _event(row: RowMapping) -> RecordedEvent:
    values = values_of(row)
    interval = Interval(start=values["interval_start"], end=values["interval_end"])
    kept = {name: values[name] for name in RecordedEvent.model_fields if name in values}
    return RecordedEvent(**kept | {"interval": interval})
