"""Reading and appending entries. Of two processes that append at once, exactly one gets the next place."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Engine, RowMapping, insert, select
from sqlalchemy.exc import IntegrityError

from retrainer.contracts import Entry, NewEntry
from retrainer.errors import LedgerConflictError
from retrainer.ledger.database import open_engine, unavailable
from retrainer.ledger.schema import releases


class Ledger:
    """The releases of all models."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> "Ledger":
        """The ledger at SQLAlchemy URL `url`; see `retrainer.ledger.database.open_engine` for what it raises."""
        return cls(open_engine(url))

    def entries(self, model: str) -> Sequence[Entry]:
        """All entries of a model, oldest first."""
        query = select(releases).where(releases.c.model == model).order_by(releases.c.sequence)
        with unavailable(self._engine.url), self._engine.connect() as connection:
            return [_entry(row) for row in connection.execute(query).mappings()]

    def last(self, model: str) -> Entry | None:
        """The newest entry of a model."""
        found = self.entries(model)
        return found[-1] if found else None

    def champion(self, model: str) -> Entry | None:
        """The entry that put the present champion in place; None while there is no champion."""
        moves = [entry for entry in self.entries(model) if entry.action in ("promote", "rollback")]
        return moves[-1] if moves else None

    def find(self, model: str, identity: str) -> Entry | None:
        """The entry that this very request wrote before."""
        return next((entry for entry in self.entries(model) if entry.identity == identity), None)

    def append(self, entry: NewEntry, *, after: int) -> Entry:
        """Append `entry` as number `after` + 1, if the sequence still ends with `after` (0: it is empty).

        Raises:
            LedgerConflictError: another entry of this model came first. Nothing was written.
            LedgerUnavailableError: the database failed. Nothing was written.
        """
        written = Entry(**entry.model_dump(), sequence=after + 1, created_at=datetime.now(UTC))
        row = written.model_dump() | {"evidence": entry.model_dump(mode="json")["evidence"]}
        try:
            with unavailable(self._engine.url), self._engine.begin() as connection:
                connection.execute(insert(releases).values(row))
        except Exception as error:
            if isinstance(error.__cause__, IntegrityError):
                raise LedgerConflictError(
                    f"another release of {entry.model} took place {after + 1} in the ledger first; nothing was written"
                ) from error
            raise
        return written


def _entry(row: RowMapping) -> Entry:
    values = {name: value for name, value in row.items() if name != "id"}
    for name in ("as_of", "created_at"):
        if values[name].tzinfo is None:  # SQLite keeps no time zone; what is written is UTC
            values[name] = values[name].replace(tzinfo=UTC)
    return Entry(**values)
