"""Bringing the ledger's database to the schema that this version of Retrainer knows."""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, select

from retrainer.errors import ConfigurationError
from retrainer.ledger.database import database_file, name_of, unavailable
from retrainer.ledger.lock import exclusive
from retrainer.ledger.schema import HEAD, REVISIONS, releases, version_table

_BEFORE_MIGRATIONS = REVISIONS[0]
"""What a table without a version is: Retrainer 0.1 made it in one go."""


_SINCE = {"measurements": "0004", "episode_events": "0004", "alerts": "0004"}
"""The version of the schema that made a table, beside that of the releases."""


def ensure_schema(engine: Engine) -> None:
    """Make the ledger's tables, or change them to the newest schema. What is in them is kept.

    Costs one query where there is nothing to do. Of several processes that come at once one does it, the others wait.

    Raises:
        ConfigurationError: a newer version of Retrainer has changed the schema, or a table is somebody else's.
        LedgerUnavailableError: the database failed. It is as it was before.
    """
    if _is_empty_file(engine) or _version(engine) != HEAD:
        with exclusive(engine, "migration"):
            _migrate(engine)


def _is_empty_file(engine: Engine) -> bool:
    """Is it an SQLite database that nobody has written to? Reading it would be in the way of whoever begins to."""
    file = database_file(engine.url)
    return file is not None and (not file.exists() or (file.is_file() and file.stat().st_size == 0))


def _version(engine: Engine) -> str | None:
    """The version of the schema in the database; None where there is none.

    Raises:
        ConfigurationError: it is one that this software does not know.
    """
    with unavailable(engine.url), engine.connect() as connection:
        if not inspect(connection).has_table(version_table.name):
            return None
        found = connection.execute(select(version_table.c.version_num)).scalar()
    if found is not None and found not in REVISIONS:
        raise ConfigurationError(
            f"the ledger at {name_of(engine.url)} has schema version {found}, "
            f"this version of Retrainer knows up to {HEAD}: a newer one has been there",
            hint="Install that newer version of Retrainer here too; a ledger is never taken back to an older schema.",
        )
    return str(found) if found else None


def _migrate(engine: Engine) -> None:
    """In one transaction: a kill leaves the database as it was."""
    if _version(engine) == HEAD:  # whoever had the lock before did it
        return
    with unavailable(engine.url), engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")  # kept in the file; not possible in a transaction
            connection.commit()
        with connection.begin():
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")  # Python's sqlite3 begins no transaction before DDL
            is_older = _is_older(connection)
            _check_names_are_free(connection)
            _run_scripts(connection, is_older=is_older)


def _is_older(connection: Connection) -> bool:
    """Is there a table that was made before there were migrations?

    Raises:
        ConfigurationError: there is a table of that name which is no ledger.
    """
    inspector = inspect(connection)
    if inspector.has_table(version_table.name) or not inspector.has_table(releases.name):
        return False
    columns = {column["name"] for column in inspector.get_columns(releases.name)}
    if columns != {column.name for column in releases.columns}:
        raise _foreign(releases.name)
    return True


def _check_names_are_free(connection: Connection) -> None:
    """Of tables that the scripts are yet to make.

    Raises:
        ConfigurationError: somebody else has a table of such a name here.
    """
    inspector = inspect(connection)
    is_versioned = inspector.has_table(version_table.name)
    version = connection.execute(select(version_table.c.version_num)).scalar() if is_versioned else None
    for name, since in _SINCE.items():
        if since > (version or "") and inspector.has_table(name):
            raise _foreign(name)


def _foreign(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"the database of ledger_url has a table {name!r} that is no ledger",
        hint="Give the ledger a database, or a PostgreSQL schema, of its own.",
    )


def _run_scripts(connection: Connection, *, is_older: bool) -> None:
    from alembic import command  # 0.3 s, and needed once in the life of a database
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    if is_older:
        command.stamp(config, _BEFORE_MIGRATIONS)
    command.upgrade(config, HEAD)
