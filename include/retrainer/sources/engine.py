"""A connection to the source: opened from a URL or a connection id, read-only, and its errors without its password."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from retrainer.config.runtime import connection_variable
from retrainer.config.source import Source
from retrainer.errors import ConfigurationError, SourceUnavailableError

BUSY_SECONDS = 30
"""How long SQLite waits for another process's lock."""
_CONNECT_SECONDS = 10
_SECRET_WORDS = ("pass", "pwd", "secret", "token", "key")


def open_engine(source: Source, *, connection_url: Callable[[str], str | None], root: Path) -> sa.Engine:
    """An engine that reads the source; it connects when first used, and keeps no connection open after use.

    Args:
        source: names a connection or a URL.
        connection_url: gives the SQLAlchemy URL of a connection id, or None.
        root: where relative SQLite paths start.

    Raises:
        ConfigurationError: the connection is not known, its URL is not one, or its database driver is not installed.
    """
    text = source.url
    if source.connection is not None:
        text = connection_url(source.connection)
        if not text:
            variable = connection_variable(source.connection)
            raise ConfigurationError(
                f"connection {source.connection!r} is not known here: {variable} is not set",
                hint=f"Set {variable} to the SQLAlchemy URL, or add the Airflow connection {source.connection!r}.",
            )
    url = parse_url(text or "", name=source_name(source))
    if url.get_backend_name() == "sqlite":
        return _open_sqlite(resolve_sqlite(url, root))
    arguments = {"connect_timeout": _CONNECT_SECONDS} if url.get_backend_name() in ("postgresql", "mysql") else {}
    try:
        return sa.create_engine(url, poolclass=NullPool, connect_args=arguments, hide_parameters=True)
    except ImportError as error:
        raise ConfigurationError(f"{source_name(source)} needs the Python package {error.name!r}") from error


def source_name(source: Source) -> str:
    """The source in words, without a password: its connection id, or its URL."""
    if source.connection is not None:
        return f"connection {source.connection!r}"
    return f"source {parse_url(source.url or '', name='source').set(query={}).render_as_string(hide_password=True)}"


def parse_url(text: str, *, name: str) -> sa.URL:
    """`text` as a SQLAlchemy URL whose driver SQLAlchemy knows.

    Raises:
        ConfigurationError: it is not one; the message does not repeat it, because it may hold a password.
    """
    problem = ""
    try:
        url = sa.make_url(text)
        url.get_dialect()
    except (ArgumentError, ValueError):
        problem = "its URL is not one of SQLAlchemy's, such as postgresql+psycopg://user@host/database"
    except NoSuchModuleError as error:
        problem = f"its URL starts with an unknown database: {str(error).splitlines()[0]}"
    if problem:
        raise ConfigurationError(f"{name}: {problem}")
    return url


def resolve_sqlite(url: sa.URL, root: Path) -> sa.URL:
    """A SQLite URL with an absolute path; a relative one starts at `root`."""
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        return url
    return url.set(database=str(root / url.database))


@contextmanager
def reading(engine: sa.Engine, name: str) -> Iterator[sa.Connection]:
    """A read-only connection; on PostgreSQL all its queries see the same moment.

    Raises:
        SourceUnavailableError: the database did not answer; names `name`, never the password, nor does its cause.
    """
    problem = ""
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection
    except (SQLAlchemyError, sqlite3.Error) as error:
        problem = _without_secrets(str(getattr(error, "orig", None) or error), engine.url)
    if problem:  # raised out here, so that the library's error, whose text may hold the password, is not attached
        first_line = problem.strip().splitlines()[0]
        raise SourceUnavailableError(f"{name} did not answer: {first_line}") from ConnectionError(problem)


def _open_sqlite(url: sa.URL) -> sa.Engine:
    """A missing file is an error, where SQLite would make an empty one; nothing can be written."""
    path = url.database
    if not path or path == ":memory:" or path.startswith("file:"):
        return sa.create_engine(url, poolclass=NullPool)

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(f"file:{quote(path)}?mode=rw", uri=True, timeout=BUSY_SECONDS)
        connection.execute("PRAGMA query_only = ON")
        return connection

    return sa.create_engine(url, creator=connect, poolclass=NullPool)


def _without_secrets(text: str, url: sa.URL) -> str:
    values = [value for key, given in url.query.items() if any(word in key.lower() for word in _SECRET_WORDS)
              for value in ((given,) if isinstance(given, str) else given)]  # fmt: skip
    secrets = {str(url.password)} if url.password else set()
    for secret in [*secrets, *values]:
        secrets |= {secret, quote(secret, safe=""), quote_plus(secret), unquote(secret)}
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, "***")
    return text or "no reason given"
