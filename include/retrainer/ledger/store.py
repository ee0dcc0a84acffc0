"""What all that is kept in the ledger's database has in common: how it is opened, and how its rows are read."""

from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import Engine, RowMapping

from retrainer.ledger.database import connect
from retrainer.ledger.migrate import ensure_schema


class Store:
    """One kind of things in the ledger's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Self:
        """What is kept at SQLAlchemy URL `url`; its tables are made, or brought to the newest schema, where needed.

        Raises:
            ConfigurationError: `url` is not usable, or a newer version of Retrainer has changed the schema.
            LedgerUnavailableError: the database does not answer. The message has no password.
        """
        engine = connect(url)
        ensure_schema(engine)
        return cls(engine)


def values_of(row: RowMapping) -> dict[str, Any]:
    """The values of a row, moments in UTC: SQLite keeps no time zone, and what is written is UTC."""
    return {name: _utc(value) if isinstance(value, datetime) else value for name, value in row.items()}


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
