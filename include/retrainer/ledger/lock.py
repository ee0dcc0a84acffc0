"""Mutual exclusion of everybody who uses the same ledger, threads and processes alike. Death releases a lock."""

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, func, select

from retrainer.ledger.database import database_file, outside_pool, unavailable


@contextmanager
def exclusive(engine: Engine, name: str) -> Iterator[None]:
    """Wait until nobody else is in a block of this `name` on this database, and keep them out of it.

    SQLite: a lock on the file `<database>.<name>.lock`, which stays there, empty. PostgreSQL: an advisory lock, held by
    a transaction of its own.

    Raises:
        LedgerUnavailableError: the database, or the folder it is in, does not answer.
    """
    if engine.dialect.name == "sqlite":
        file = database_file(engine.url)
        if file is None:  # in memory: nobody else has it
            yield
            return
        with unavailable(engine.url):
            lock = file.with_name(f"{file.name}.{name}.lock").open("w")
        with lock:
            with unavailable(engine.url):
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        return
    with unavailable(engine.url), outside_pool(engine).begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(_key(name))))
        yield


def _key(name: str) -> int:
    """64 bits, signed: what PostgreSQL knows a lock by."""
    return int.from_bytes(hashlib.sha256(f"retrainer ledger {name}".encode()).digest()[:8], signed=True)
