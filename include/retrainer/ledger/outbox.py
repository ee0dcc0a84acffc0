"""Alerts that are to be sent, kept until somebody has taken them: a message service that is down loses none."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import RowMapping, insert, or_, select, update

from retrainer.contracts import Alert, NewAlert
from retrainer.ledger.database import unavailable
from retrainer.ledger.lock import exclusive
from retrainer.ledger.schema import alerts as table
from retrainer.ledger.store import Store, values_of

_CLAIM = timedelta(minutes=1)
"""How long whoever asked for the alerts has to send them, before somebody else may."""


class Outbox(Store):
    """The alerts of all models."""

    def put(self, alerts: Sequence[NewAlert]) -> int:
        """Put in those that were never there, in their order; how many that were.

        The same identity is the same alert: one that is there, or was sent, stays as it is. In one transaction.

        Raises:
            LedgerUnavailableError: the database failed. Nothing was written.
        """
        if not alerts:
            return 0
        count = 0
        with exclusive(self._engine, "outbox"), unavailable(self._engine.url), self._engine.begin() as connection:
            for alert in alerts:
                same = select(table.c.number).where(table.c.model == alert.model, table.c.identity == alert.identity)
                if connection.execute(same).first() is None:
                    values = alert.model_dump() | {"created_at": datetime.now(UTC)}
                    connection.execute(insert(table).values(values))
                    count += 1
        return count

    def unsent(self, limit: int) -> tuple[Alert, ...]:
        """The oldest alerts that nobody has sent and nobody is sending, at most `limit`.

        They are the caller's for a minute; those that it has not marked as sent by then are given out again.
        """
        now = datetime.now(UTC)
        is_free = table.c.sent_at.is_(None) & or_(table.c.claimed_until.is_(None), table.c.claimed_until <= now)
        oldest = select(table.c.number).where(is_free).order_by(table.c.number).limit(limit)
        with unavailable(self._engine.url), self._engine.begin() as connection:
            # Two statements: PostgreSQL may run a subquery of an update, with its lock and limit, once for each row.
            numbers = list(connection.execute(oldest.with_for_update(skip_locked=True)).scalars())
            claim = update(table).where(table.c.number.in_(numbers), is_free).values(claimed_until=now + _CLAIM)
            alerts = [_alert(row) for row in connection.execute(claim.returning(table)).mappings()]
        return tuple(sorted(alerts, key=lambda alert: alert.number))

    def mark_sent(self, number: int) -> None:
        """Alert `number` was taken. It is never given out again."""
        is_open = (table.c.number == number) & table.c.sent_at.is_(None)
        with unavailable(self._engine.url), self._engine.begin() as connection:
            connection.execute(update(table).where(is_open).values(sent_at=datetime.now(UTC), claimed_until=None))


def _alert(row: RowMapping) -> Alert:
    values = values_of(row)
    return Alert(**{name: values[name] for name in Alert.model_fields})
