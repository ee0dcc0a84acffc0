"""A database that cannot be the ledger, or does not answer: told soon, in words, and without its password."""

import socket
import sys
import time
from collections.abc import Iterator

import pytest

from retrainer.errors import ConfigurationError, LedgerUnavailableError
from retrainer.ledger import Ledger, database

SECRET = "not-to-be-told"
NOBODY_LISTENS = 9
"""A port of 127.0.0.1."""

needs_psycopg = pytest.mark.usefixtures("psycopg")


@pytest.fixture
def psycopg() -> None:
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'retrainer[postgres]'")


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Of a server that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def refused(url: str) -> tuple[LedgerUnavailableError, float]:
    """The error of the ledger at `url`, and how many seconds it took."""
    started = time.monotonic()
    with pytest.raises(LedgerUnavailableError) as caught:
        Ledger.open(url)
    assert caught.value.exit_status == 1
    assert SECRET not in str(caught.value)
    return caught.value, time.monotonic() - started


@needs_psycopg
def test_a_server_that_is_down_is_told_at_once_and_may_be_tried_again():
    error, seconds = refused(f"postgresql+psycopg://me:{SECRET}@127.0.0.1:{NOBODY_LISTENS}/ledger")
    assert str(error).startswith(
        "the ledger at postgresql+psycopg://me:***@127.0.0.1:9/ledger failed: connection failed"
    )
    assert seconds < 5


@needs_psycopg
def test_a_server_that_takes_the_connection_and_says_nothing_is_given_up(silent_port, monkeypatch):
    assert database._PATIENCE["connect_timeout"] == 10
    monkeypatch.setitem(database._PATIENCE, "connect_timeout", 2)
    error, seconds = refused(f"postgresql+psycopg://me:{SECRET}@127.0.0.1:{silent_port}/ledger")
    assert str(error).endswith("/ledger failed: connection timeout expired")
    assert 1.9 < seconds < 8


@needs_psycopg
def test_how_long_to_wait_can_be_said_in_the_url(silent_port):
    _, seconds = refused(f"postgresql+psycopg://me@127.0.0.1:{silent_port}/ledger?connect_timeout=2")
    assert 1.9 < seconds < 8


@pytest.mark.skipif(sys.platform != "linux", reason="the options have these names on Linux only")
def test_a_server_that_is_cut_off_later_is_given_up_within_a_minute(postgresql):
    """Asked of the socket: nothing here can cut a line."""
    engine = database.connect(postgresql.new_database())
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        with socket.socket(fileno=socket.dup(driver.fileno())) as line:
            options = [
                line.getsockopt(socket.IPPROTO_TCP, option)
                for option in (socket.TCP_USER_TIMEOUT, socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            ]
    assert options == [60_000, 30, 10, 3]


@needs_psycopg
def test_a_password_among_the_options_is_not_told_either():
    url = f"postgresql+psycopg://127.0.0.1:{NOBODY_LISTENS}/ledger?user=me&password={SECRET}"
    error, _ = refused(url)
    assert "the ledger at postgresql+psycopg://127.0.0.1:9/ledger failed" in str(error)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("not a url", "ledger_url is not a usable SQLAlchemy URL: Could not parse"),
        ("mysql://me@localhost/ledger", "ledger_url must name one of sqlite, postgresql, got mysql"),
        ("postgresql+nothing://me@localhost/ledger", "ledger_url is not a usable SQLAlchemy URL: Can't load plugin"),
        ("postgresql+pg8000://me@localhost/ledger", "ledger_url needs the Python package 'pg8000'"),
        ("postgresql+asyncpg://me@localhost/ledger", "must name a driver that is not asynchronous"),
        (f"postgresql://me:{SECRET}@host:port/ledger", "ledger_url is not a usable SQLAlchemy URL: its port is no"),
        (f"postgresql://me:a@b:{SECRET}@host/ledger", "ledger_url is not a usable SQLAlchemy URL: its port is no"),
    ],
)
def test_a_url_that_cannot_be_a_ledgers_is_refused_without_being_repeated(url, message):
    with pytest.raises(ConfigurationError) as caught:
        Ledger.open(url)
    assert message in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.exit_status == 78


def test_a_database_that_cannot_be_opened_is_named(tmp_path):
    (tmp_path / "ledger.sqlite").mkdir()
    with pytest.raises(LedgerUnavailableError, match="failed: unable to open"):
        Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite'}")


def test_a_file_that_is_no_database_is_named_and_left_as_it_is(tmp_path):
    file = tmp_path / "ledger.sqlite"
    file.write_text("a text of somebody's")
    with pytest.raises(LedgerUnavailableError, match=r"ledger\.sqlite failed: file is not a database"):
        Ledger.open(f"sqlite:///{file}")
    assert file.read_text() == "a text of somebody's"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LedgerUnavailableError, match=r"failed: .*exists"):
        Ledger.open(f"sqlite:///{tmp_path / 'file' / 'ledger.sqlite'}")
