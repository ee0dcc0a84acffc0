"""How the assets of a model are called."""

import pytest

from retrainer.airflow.assets import source_name, table_asset
from retrainer.config.load import load_declaration
from retrainer.config.source import Source
from tests.dags.conftest import EXAMPLE

SOURCE = load_declaration(EXAMPLE).source


def at(url: str) -> Source:
    return SOURCE.model_copy(update={"connection": None, "url": url})


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (SOURCE, "flights_source"),
        (at("sqlite:///data/air.db"), "sqlite.air.db"),
        (at("postgresql+psycopg://me@db.internal:5433/air"), "db.internal.air"),
    ],
    ids=["a connection", "a SQLite file", "a server, without its user"],
)
def test_a_source_is_called_by_where_it_is(source: Source, name: str) -> None:
    assert source_name(source) == name


def test_the_row_table_is_named_and_addressed_after_its_source() -> None:
    asset = table_asset("flights_source", "flights")

    assert (asset.name, asset.uri) == ("flights_source.flights", "table://flights_source/flights")


def test_a_table_with_a_name_that_airflow_does_not_take_is_quoted() -> None:
    assert table_asset("warehouse", "flüge").name == "warehouse.fl%C3%BCge"
