"""Airflow connections as SQLAlchemy URLs."""

import pytest
from airflow.sdk import Connection

from retrainer.airflow.connections import sqlalchemy_url
from retrainer.errors import ConfigurationError

URLS = {
    "postgres://u:p%40ss@db:5433/flights": "postgresql+psycopg://u:p%40ss@db:5433/flights",
    "postgres://db/flights": "postgresql+psycopg://db/flights",
    "mysql://u:p@db/flights": "mysql+mysqldb://u:p@db/flights",
    "sqlite:////data/flights.db": "sqlite:////data/flights.db",
    "sqlite:///flights.db": "sqlite:///flights.db",
    "sqlite://%2Fdata%2Fflights.db": "sqlite:////data/flights.db",
    "generic://u:p@db/x?sqlalchemy_url=duckdb%3A%2F%2F%2Fx": "duckdb:///x",
}


@pytest.mark.parametrize(("uri", "url"), URLS.items())
def test_a_connection_becomes_the_url_of_the_same_database(uri: str, url: str) -> None:
    assert sqlalchemy_url(Connection.from_uri(uri, conn_id="source")) == url


def test_an_unknown_type_names_the_connection_and_not_its_password() -> None:
    with pytest.raises(ConfigurationError, match="connection 'source' is of type 'ftp'") as raised:
        sqlalchemy_url(Connection.from_uri("ftp://u:hunter2@host/x", conn_id="source"))

    assert "hunter2" not in str(raised.value)
