"""The ledger's databases: each test of `database_url` runs on SQLite and on PostgreSQL."""

import pytest

from retrainer.ledger import Episodes, History, Ledger, Outbox


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path) -> str:
    """URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    return request.getfixturevalue("postgresql").new_database()


@pytest.fixture
def ledger(database_url) -> Ledger:
    return Ledger.open(database_url)


@pytest.fixture
def history(database_url) -> History:
    return History.open(database_url)


@pytest.fixture
def episodes(database_url) -> Episodes:
    return Episodes.open(database_url)


@pytest.fixture
def outbox(database_url) -> Outbox:
    return Outbox.open(database_url)
