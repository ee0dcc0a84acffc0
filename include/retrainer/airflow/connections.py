"""Airflow connections as SQLAlchemy URLs. They hold passwords: nothing here logs one or puts one into a message."""

import json
from urllib.parse import quote

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from retrainer.config.runtime import RuntimeSettings
from retrainer.config.source import Source
from retrainer.errors import ConfigurationError, SourceUnavailableError

_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+mysqldb",
    "mssql": "mssql+pyodbc",
    "sqlite": "sqlite",
}


def source_url(source: Source, settings: RuntimeSettings) -> str:
    """The SQLAlchemy URL of `source`. Call it in a task process.

    A connection is looked up in Airflow first, then among the settings (RETRAINER_CONN_<ID>).

    Raises:
        SourceUnavailableError: there is no such connection, or Airflow does not give it out now.
        ConfigurationError: its type is not known here.
    """
    if source.connection is None:
        return source.url or ""
    try:
        connection = BaseHook.get_connection(source.connection)
    except AirflowNotFoundException as error:
        return _from_settings(source.connection, settings, error)
    return sqlalchemy_url(connection)


async def async_source_url(source: Source, settings: RuntimeSettings) -> str:
    """Like `source_url`, in a trigger."""
    if source.connection is None:
        return source.url or ""
    try:
        connection = await BaseHook.aget_connection(source.connection)
    except AirflowNotFoundException as error:
        return _from_settings(source.connection, settings, error)
    return sqlalchemy_url(connection)


def sqlalchemy_url(connection: Connection) -> str:
    """The URL of `connection`: its extra `sqlalchemy_url`, or made from its type, host, port, schema and login.

    Raises:
        ConfigurationError: the type is not known here and there is no such extra.
    """
    kind = (connection.conn_type or "").lower()
    if given := _extra(connection).get("sqlalchemy_url"):
        return str(given)
    if kind not in _DRIVERS:
        raise ConfigurationError(
            f"connection {connection.conn_id!r} is of type {kind!r} (allowed: {', '.join(_DRIVERS)})",
            hint="Or give it the extra 'sqlalchemy_url'.",
        )
    if kind == "sqlite":
        return f"sqlite:///{connection.host or connection.schema or ''}"
    login = quote(connection.login or "", safe="")
    password = f":{quote(connection.password, safe='')}" if connection.password else ""
    port = f":{connection.port}" if connection.port else ""
    at = "@" if login or password else ""
    database = quote(connection.schema or "", safe="")
    return f"{_DRIVERS[kind]}://{login}{password}{at}{connection.host or ''}{port}/{database}"


def _extra(connection: Connection) -> dict[str, object]:
    try:
        extra = json.loads(connection.extra or "{}")
    except ValueError:
        return {}
    return extra if isinstance(extra, dict) else {}


def _from_settings(connection_id: str, settings: RuntimeSettings, cause: Exception) -> str:
    try:
        return settings.connection_url(connection_id)
    except ConfigurationError:
        # Airflow says "not found" also when it could not ask its own server: a retry may help.
        raise SourceUnavailableError(
            f"Airflow connection {connection_id!r} was not found",
            hint=f"Add it under Admin, Connections, or set AIRFLOW_CONN_{connection_id.upper()}.",
        ) from cause
