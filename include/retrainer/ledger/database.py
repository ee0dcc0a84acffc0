"""Reaching the ledger's database (SQLite or PostgreSQL), and the translation of its errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, NullPool, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from retrainer.errors import ConfigurationError, LedgerUnavailableError

_BUSY_SECONDS = 60
"""How long a writer waits for another one on SQLite."""

_CONNECT_SECONDS = 10
_BACKENDS = ("sqlite", "postgresql")


def connect(url: str) -> Engine:
    """An engine on the ledger's database. Nothing is asked of it yet.

    Raises:
        ConfigurationError: `url` is no SQLAlchemy URL of SQLite or PostgreSQL, or its driver is not installed.
        LedgerUnavailableError: the folder of an SQLite database cannot be made.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() not in _BACKENDS:
            raise ConfigurationError(
                f"ledger_url must name one of {', '.join(_BACKENDS)}, got {parsed.get_backend_name()}"
            )
        engine = create_engine(parsed, **_options(parsed))
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise ConfigurationError(f"ledger_url is not a usable SQLAlchemy URL: {error}") from error
    if parsed.get_backend_name() == "sqlite":
        if file := database_file(parsed):
            with unavailable(parsed):
                file.parent.mkdir(parents=True, exist_ok=True)
        event.listen(engine, "connect", _durable)
    return engine


def database_file(url: URL) -> Path | None:
    """The file of an SQLite database; None for one in memory and for a server."""
    is_file = url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:"
    return Path(url.database) if is_file and url.database else None


def outside_pool(engine: Engine) -> Engine:
    """The same database, each connection opened for the purpose and closed after it.

    For what holds a connection for long: the pool would run dry where many threads do, and each asks for one more.
    """
    return create_engine(engine.url, **(_options(engine.url) | {"pool_pre_ping": False, "poolclass": NullPool}))


@contextmanager
def unavailable(url: URL) -> Iterator[None]:
    """Errors of the database, as LedgerUnavailableError that names it without its password."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise LedgerUnavailableError(
            f"the ledger at {url.render_as_string(hide_password=True)} failed: {cause}"
        ) from error


def _options(url: URL) -> dict[str, object]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": _BUSY_SECONDS}}
    return {"pool_pre_ping": True, "connect_args": {"connect_timeout": _CONNECT_SECONDS}}


def _durable(connection: object, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]  # DBAPI connections have no common type
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()
