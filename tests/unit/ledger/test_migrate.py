"""The schema: made, taken over from before there were migrations, refused when newer, by several processes at once."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import get_args

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from retrainer import ledger as package
from retrainer.contracts import Action
from retrainer.errors import ConfigurationError
from retrainer.ledger import Ledger
from retrainer.ledger.schema import HEAD, REVISIONS, metadata, version_table
from tests.unit.ledger.entries import MODEL, new_entry
from tests.worlds import PROJECT

OLDER = """
CREATE TABLE releases (
    id {key} PRIMARY KEY, model VARCHAR(63) NOT NULL, sequence INTEGER NOT NULL, action VARCHAR(16) NOT NULL,
    version INTEGER NOT NULL, previous_version INTEGER, champion_version INTEGER, as_of {moment} NOT NULL,
    identity VARCHAR(64) NOT NULL, actor VARCHAR(200) NOT NULL, reason VARCHAR(2000) NOT NULL, evidence JSON NOT NULL,
    created_at {moment} NOT NULL,
    CONSTRAINT one_sequence_per_model UNIQUE (model, sequence),
    CONSTRAINT one_entry_per_request UNIQUE (model, identity),
    CONSTRAINT sequence_is_positive CHECK (sequence > 0),
    CONSTRAINT action_is_known CHECK (action IN ('promote', 'reject', 'rollback', 'approve'))
)
"""
"""What Retrainer 0.1 made before there were migrations."""

INSERT = """
INSERT INTO releases (model, sequence, action, version, previous_version, champion_version, as_of, identity, actor,
                      reason, evidence, created_at)
VALUES ('flight_delay', {0}, 'promote', {0}, {1}, {0}, '2013-07-0{0} 04:00:00.000000', 'request {0}', 'airflow run {0}',
        'better', '{{"run_id": "r{0}"}}', '2026-11-0{0} 05:00:00.000000')
"""


def older_ledger(url: str) -> sa.Engine:
    """A database as the software before migrations left it, with two releases."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    types = {"key": "INTEGER", "moment": "DATETIME"}
    if engine.dialect.name == "postgresql":
        types = {"key": "SERIAL", "moment": "TIMESTAMP WITH TIME ZONE"}
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET TIME ZONE 'UTC'")
        connection.exec_driver_sql(OLDER.format(**types))
        connection.exec_driver_sql(INSERT.format(1, "NULL"))
        connection.exec_driver_sql(INSERT.format(2, 1))
    return engine


def ledger_of_version(url: str, version: str) -> None:
    """A database as the software that knew the schema up to `version` left it, with one release."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    config = Config()
    config.set_main_option("script_location", f"{package.__path__[0]}/migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
        connection.exec_driver_sql(INSERT.format(1, "NULL"))


def stored_version(url: str) -> str:
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        return connection.execute(sa.select(version_table.c.version_num)).scalar_one()


def test_the_versions_that_the_code_names_are_those_of_the_scripts():
    config = Config()
    config.set_main_option("script_location", f"{package.__path__[0]}/migrations")
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    assert tuple(script.revision for script in reversed(scripts)) == REVISIONS
    assert scripts[0].revision == HEAD


def test_the_scripts_make_the_tables_that_the_code_describes(database_url):
    Ledger.open(database_url)
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": version_table.name})
        assert compare_metadata(context, metadata) == []
        checks = sa.inspect(connection).get_check_constraints("releases")
    assert sorted(check["name"] for check in checks) == ["action_is_known", "sequence_is_positive"]
    assert stored_version(database_url) == HEAD


def test_a_database_from_before_migrations_is_taken_over_with_its_entries(database_url):
    older_ledger(database_url)
    ledger = Ledger.open(database_url)
    assert stored_version(database_url) == HEAD
    assert [
        (entry.sequence, entry.version, entry.previous_version, entry.as_of, entry.identity, entry.evidence)
        for entry in ledger.entries(MODEL)
    ] == [
        (1, 1, None, datetime(2013, 7, 1, 4, tzinfo=UTC), "request 1", {"run_id": "r1"}),
        (2, 2, 1, datetime(2013, 7, 2, 4, tzinfo=UTC), "request 2", {"run_id": "r2"}),
    ]
    assert ledger.append(new_entry("c", action="archive", champion=2), after=2).sequence == 3


def test_every_action_that_is_known_can_be_written(database_url):
    ledger = Ledger.open(database_url)
    for place, action in enumerate(get_args(Action)):
        ledger.append(new_entry(f"request {place}", action=action), after=place)
    assert tuple(entry.action for entry in ledger.entries(MODEL)) == get_args(Action)


def test_the_keys_of_a_database_from_before_migrations_still_hold(database_url):
    engine = older_ledger(database_url)
    Ledger.open(database_url)
    for sequence, identity, action in ((2, "new", "promote"), (3, "request 1", "promote"), (3, "new", "demote")):
        statement = INSERT.format(3, 2).replace("request 3", identity).replace("'promote'", f"'{action}'")
        with pytest.raises(sa.exc.IntegrityError), engine.begin() as connection:
            connection.exec_driver_sql(statement.replace("flight_delay', 3", f"flight_delay', {sequence}"))


@pytest.mark.parametrize("version", REVISIONS[:-1])
def test_a_database_of_an_earlier_schema_keeps_its_entries_and_gets_the_new_tables(database_url, version):
    ledger_of_version(database_url, version)
    ledger = Ledger.open(database_url)
    assert stored_version(database_url) == HEAD
    assert [(entry.sequence, entry.identity, entry.evidence) for entry in ledger.entries(MODEL)] == [
        (1, "request 1", {"run_id": "r1"})
    ]
    tables = set(sa.inspect(sa.create_engine(database_url, poolclass=sa.NullPool)).get_table_names())
    assert tables >= {"releases", "measurements", "episode_events", "alerts"}
    assert ledger.append(new_entry("b", action="switch_on"), after=1).sequence == 2


def test_a_ledger_of_newer_software_is_refused_and_both_versions_are_named(database_url):
    Ledger.open(database_url)
    with sa.create_engine(database_url, poolclass=sa.NullPool).begin() as connection:
        connection.execute(version_table.update().values(version_num="0999"))
    with pytest.raises(ConfigurationError, match=f"has schema version 0999, .* knows up to {HEAD}"):
        Ledger.open(database_url)


def test_a_table_of_that_name_that_is_no_ledger_is_left_alone(database_url):
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE releases (title VARCHAR(20))")
    with pytest.raises(ConfigurationError, match="table 'releases' that is no ledger"):
        Ledger.open(database_url)
    assert sa.inspect(engine).get_table_names() == ["releases"]


@pytest.mark.parametrize("version", [None, "0003"])
def test_a_table_with_the_name_of_a_new_one_is_left_alone(database_url, version):
    if version:
        ledger_of_version(database_url, version)
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alerts (title VARCHAR(20))")
    before = sa.inspect(engine).get_table_names()
    with pytest.raises(ConfigurationError, match="table 'alerts' that is no ledger"):
        Ledger.open(database_url)
    assert sa.inspect(engine).get_table_names() == before


def test_another_programs_migrations_in_the_same_database_are_left_alone(database_url):
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32))")
        connection.exec_driver_sql("INSERT INTO alembic_version VALUES ('theirs')")
    Ledger.open(database_url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == ["theirs"]


OPEN_AND_APPEND = """
import sys, threading
from retrainer.ledger import Ledger
from tests.unit.ledger.entries import MODEL, new_entry
url, name = sys.argv[1:]
print("ready", flush=True)
sys.stdin.readline()
failed = []
def work(thread):
    try:
        ledger = Ledger.open(url)
        ledger.write(MODEL, f"{name}/{thread}", lambda entries: new_entry(f"{name}/{thread}"))
    except BaseException as error:
        failed.append(repr(error))
threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.exit("\\n".join(failed) or 0)
"""


@pytest.mark.parametrize("before", ["fresh", "older"])
def test_processes_that_open_the_same_database_at_once_all_succeed(database_url, before):
    if before == "older":
        older_ledger(database_url)
    command = [sys.executable, "-c", OPEN_AND_APPEND, database_url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [
        subprocess.Popen([*command, f"process {number}"], env=os.environ, cwd=PROJECT, **pipes) for number in range(4)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    endings = [(process.communicate()[1], process.returncode) for process in processes]
    assert endings == [("", 0)] * 4
    sequences = [entry.sequence for entry in Ledger.open(database_url).entries(MODEL)]
    assert sequences == list(range(1, 21 if before == "fresh" else 23))


def test_alembic_is_not_imported_where_there_is_nothing_to_migrate(tmp_path):
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    Ledger.open(url)
    program = (
        "import json, sys; from retrainer.ledger import Ledger; Ledger.open(sys.argv[1]).models();"
        "print(json.dumps([name for name in sys.modules if name.partition('.')[0] == 'alembic']))"
    )
    done = subprocess.run([sys.executable, "-c", program, url], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
