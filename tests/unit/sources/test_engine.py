"""The source is named in errors, and its password never is."""

import socket
import subprocess
import sys
import traceback

import pytest

from retrainer.config.source import Source
from retrainer.errors import ConfigurationError, SourceUnavailableError
from retrainer.sources import arrival, open_engine, source_name
from retrainer.sources.engine import reading
from tests.factories import change_source, day, make_config, make_settings, small_source

SECRET = "p@ss/word & more"
QUOTED = "p%40ss%2Fword+%26+more"


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def open_url(tmp_path, url: str):
    declared = make_config().source
    return open_engine(declared, connection_url=make_settings(tmp_path, url).connection_url, root=tmp_path)


@pytest.mark.parametrize("argument", ["", f"?sslpassword={QUOTED}"], ids=["user", "query"])
def test_a_server_that_is_down_is_named_and_its_password_is_in_no_part_of_the_traceback(tmp_path, argument):
    pytest.importorskip("psycopg", reason="install retrainer[postgres] to run this")
    engine = open_url(tmp_path, f"postgresql+psycopg://me:{QUOTED}@127.0.0.1:{closed_port()}/db{argument}")
    with pytest.raises(SourceUnavailableError, match=r"^connection 'orders_source' did not answer: ") as caught:
        arrival(engine, make_config().source, day(0))
    told = "".join(traceback.format_exception(caught.value))
    assert "orders_source" in told
    assert not [form for form in (SECRET, QUOTED, "p%40ss") if form in told]
    assert caught.value.__context__ is None


def test_a_password_that_the_driver_repeats_is_struck_out(tmp_path):
    engine = open_url(tmp_path, f"sqlite:///{small_source(tmp_path / 's.sqlite')}")
    engine.url = engine.url.set(password=SECRET)
    with pytest.raises(SourceUnavailableError) as caught, reading(engine, "it") as connection:
        connection.exec_driver_sql(f'SELECT "{SECRET}" FROM "{QUOTED}"')
    told = "".join(traceback.format_exception(caught.value))
    assert "***" in told
    assert SECRET not in told
    assert QUOTED not in told


def test_an_unknown_connection_names_the_variable_to_set(tmp_path):
    declared = make_config().source
    with pytest.raises(ConfigurationError, match="RETRAINER_CONN_ORDERS_SOURCE"):
        open_engine(declared, connection_url=lambda _: None, root=tmp_path)


@pytest.mark.parametrize("url", ["nonsense", f"nosuchdb://me:{SECRET}@host/db", f"://{SECRET}"])
def test_a_url_that_is_none_is_refused_without_repeating_it(tmp_path, url):
    with pytest.raises(ConfigurationError, match=r"^connection 'orders_source': its URL") as caught:
        open_url(tmp_path, url)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_relative_sqlite_path_starts_at_the_root(tmp_path):
    small_source(tmp_path / "s.sqlite")
    url_source = Source.model_validate(
        make_config().source.model_dump() | {"url": "sqlite:///s.sqlite", "connection": None}
    )
    engine = open_engine(url_source, connection_url=lambda _: None, root=tmp_path)
    assert all(table.complete for table in arrival(engine, url_source, day(0)).tables)
    assert source_name(url_source) == "source sqlite:///s.sqlite"


def test_the_source_cannot_be_written_to(tmp_path):
    engine = open_url(tmp_path, f"sqlite:///{small_source(tmp_path / 's.sqlite')}")
    with pytest.raises(SourceUnavailableError, match="readonly"), reading(engine, "it") as connection:
        connection.exec_driver_sql("DELETE FROM orders")


def test_a_table_can_be_read_while_another_process_writes_to_it(tmp_path):
    source = small_source(tmp_path / "s.sqlite")
    change_source(source, "PRAGMA journal_mode = WAL")
    engine = open_url(tmp_path, f"sqlite:///{source}")
    with reading(engine, "it") as connection:
        rows = connection.exec_driver_sql("SELECT * FROM orders")
        change_source(source, "DELETE FROM orders WHERE order_id = 95")
        assert len(rows.fetchall()) == 96


def test_importing_sources_loads_nothing_heavy():
    code = "import sys, retrainer.sources, retrainer.sources.sample; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "sqlalchemy" in loaded
    assert not {"pandas", "pyarrow", "duckdb", "deltalake", "numpy"} & set(loaded)
