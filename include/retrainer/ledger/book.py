"""Reading and appending entries. Of two processes that append at once, exactly one gets the next place."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, func, insert, select
from sqlalchemy.exc import IntegrityError

from retrainer.contracts import Entry, NewEntry
from retrainer.errors import LedgerConflictError
from retrainer.ledger.database import unavailable
from retrainer.ledger.lock import exclusive
from retrainer.ledger.schema import releases
from retrainer.ledger.store import Store, values_of

log = logging.getLogger(__name__)

_TRIES = 100
"""Each of them lost means that somebody else has written an entry of the same model in between."""

_COLUMNS = [column for column in releases.columns if column.name != "id"]


class Ledger(Store):
    """The releases of all models."""

    def models(self) -> list[str]:
        """Names of the models that have entries, in order."""
        query = select(releases.c.model).distinct().order_by(releases.c.model)
        with unavailable(self._engine.url), self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def sequences(self) -> dict[str, int]:
        """The number of the last entry of each model: what a follower looks at to see whether there is a new one."""
        query = select(releases.c.model, func.max(releases.c.sequence)).group_by(releases.c.model)
        with unavailable(self._engine.url), self._engine.connect() as connection:
            return {model: int(last) for model, last in connection.execute(query)}

    def entries(self, model: str) -> Sequence[Entry]:
        """All entries of a model, oldest first."""
        return self._select(releases.c.model == model)

    def find(self, model: str, identity: str) -> Entry | None:
        """The entry that this very request wrote before."""
        found = self._select(releases.c.model == model, releases.c.identity == identity)
        return found[0] if found else None

    def append(self, entry: NewEntry, *, after: int) -> Entry:
        """Append `entry` as number `after` + 1, if the sequence still ends with `after` (0: it is empty).

        Raises:
            LedgerConflictError: another entry of this model came first. Nothing was written.
            LedgerUnavailableError: the database failed. Nothing was written.
        """
        written = Entry(**entry.model_dump(), sequence=after + 1, created_at=datetime.now(UTC))
        row = written.model_dump() | {"evidence": entry.model_dump(mode="json")["evidence"]}
        with unavailable(self._engine.url), self._engine.begin() as connection:
            try:
                connection.execute(insert(releases).values(row))
            except IntegrityError as error:
                raise LedgerConflictError(
                    f"another release of {entry.model} took place {after + 1} in the ledger first; nothing was written"
                ) from error
        return written

    def write(self, model: str, identity: str, plan: Callable[[Sequence[Entry]], NewEntry]) -> Entry:
        """The entry of the request `identity`: the one it wrote before, or else what `plan` makes of the entries.

        Where another entry came first, `plan` is asked again with that one too. What it raises ends the attempt.

        Raises:
            LedgerConflictError: others came first every time. Nothing was written.
            LedgerUnavailableError: the database failed. Nothing was written.
        """
        for attempt in range(1, _TRIES + 1):
            entries = self.entries(model)
            before = next((entry for entry in entries if entry.identity == identity), None)
            if before is not None:
                return before
            try:
                return self.append(plan(entries), after=entries[-1].sequence if entries else 0)
            except LedgerConflictError:
                if attempt == _TRIES:
                    raise
                log.info("another release of %s came first; deciding again on what is there now", model)
        raise AssertionError("unreachable")

    @contextmanager
    def exclusive(self, model: str) -> Iterator[None]:
        """Wait until nobody else is in such a block for `model`, in any process, and keep them out.

        For what follows the ledger and must not be overtaken. Entries are still written meanwhile.
        """
        with exclusive(self._engine, model):
            yield

    def _select(self, *conditions: ColumnElement[bool]) -> list[Entry]:
        query = select(*_COLUMNS).where(*conditions).order_by(releases.c.sequence)
        with unavailable(self._engine.url), self._engine.connect() as connection:
            return [Entry(**values_of(row)) for row in connection.execute(query).mappings()]
