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

_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
"""In libpq's words: a server that is not there, or takes a connection and says nothing, is given up after 10 s, and one
that is cut off from us later within a minute. What the URL says itself holds instead."""

_BACKENDS = ("sqlite", "postgresql")


def connect(url: str) -> Engine:
    """An engine on the ledger's database. Nothing is asked of it yet.

    Raises:
        ConfigurationError: `url` is no SQLAlchemy URL of SQLite or PostgreSQL, or its driver is not installed. The
            message does not repeat it.
        LedgerUnavailableError: the folder of an SQLite database cannot be made.
    """
    parsed = _parse(url)
    try:
        engine = create_engine(parsed, **_options(parsed))
    except ImportError as error:
        raise ConfigurationError(
            f"ledger_url needs the Python package {error.name!r}, which is not installed",
            hint="The driver for PostgreSQL that Retrainer comes with is psycopg: postgresql+psycopg://user@host/name",
        ) from error
    if file := database_file(parsed):
        with unavailable(parsed):
            file.parent.mkdir(parents=True, exist_ok=True)
    if parsed.get_backend_name() == "sqlite":
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
        raise LedgerUnavailableError(f"the ledger at {name_of(url)} failed: {cause}") from error


def name_of(url: URL) -> str:
    """The database for a message: without its password, and without options, which may hold one too."""
    return url.set(query={}).render_as_string(hide_password=True)


def _parse(text: str) -> URL:
    """`text` as the URL of a database that can be a ledger."""
    try:
        url = make_url(text)
        is_async = url.get_dialect().is_async
    except (ArgumentError, NoSuchModuleError) as error:
        raise ConfigurationError(f"ledger_url is not a usable SQLAlchemy URL: {error}") from error
    except ValueError:  # it quotes what follows the host, which may be the end of a password
        raise ConfigurationError(
            "ledger_url is not a usable SQLAlchemy URL: its port is no number",
            hint="In a password @ is written %40, / %2F and : %3A.",
        ) from None
    if url.get_backend_name() not in _BACKENDS:
        raise ConfigurationError(f"ledger_url must name one of {', '.join(_BACKENDS)}, got {url.get_backend_name()}")
    if is_async:
        raise ConfigurationError(f"ledger_url must name a driver that is not asynchronous, got {url.drivername}")
    return url


def _options(url: URL) -> dict[str, object]:
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": _BUSY_SECONDS}}
    patience = {name: value for name, value in _PATIENCE.items() if name not in url.query}
    return {"pool_pre_ping": True, "connect_args": patience}


def _durable(connection: object, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]  # DBAPI connections have no common type
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()
