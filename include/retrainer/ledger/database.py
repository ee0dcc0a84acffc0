"""Reaching the ledger's database (SQLite or PostgreSQL), and the translation of its errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from retrainer.errors import ConfigurationError, LedgerUnavailableError
from retrainer.ledger.schema import metadata

_BUSY_SECONDS = 60
"""How long a writer waits for another one on SQLite."""


def open_engine(url: str) -> Engine:
    """An engine on the ledger's database, its table made where it is missing.

    Raises:
        ConfigurationError: `url` is no SQLAlchemy URL, or its driver is not installed.
        LedgerUnavailableError: the database does not answer. The message has no password.
    """
    try:
        parsed = make_url(url)
        engine = create_engine(parsed, **_options(parsed))
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise ConfigurationError(f"ledger_url is not a usable SQLAlchemy URL: {error}") from error
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _durable)
    with unavailable(parsed):
        metadata.create_all(engine)
    return engine


@contextmanager
def unavailable(url: URL) -> Iterator[None]:
    """Errors of the database, as LedgerUnavailableError that names it without its password."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise LedgerUnavailableError(
            f"the ledger at {url.render_as_string(hide_password=True)} failed: {cause}"
        ) from error


def _options(url: URL) -> dict[str, object]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": _BUSY_SECONDS}}
    return {"pool_pre_ping": True}


def _durable(connection: object, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]  # DBAPI connections have no common type
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()
