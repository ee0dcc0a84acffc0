"""How the assets of a model are called."""

import pytest

from retrainer.airflow.assets import source_asset, table_asset
from retrainer.config.load import load_declaration
from retrainer.config.source import Source
from tests.dags.conftest import EXAMPLE

SOURCE = load_declaration(EXAMPLE).source


def at(url: str) -> Source:
    return SOURCE.model_copy(update={"connection": None, "url": url})


@pytest.mark.parametrize(
    ("source", "name", "uri"),
    [
        (SOURCE, "flights_source.flights", "table://flights_source/flights"),
        (at("sqlite:///data/air.db"), "sqlite.air.db.flights", "table://sqlite.air.db/flights"),
        (
            at("postgresql+psycopg://me@db.internal:5433/air"),
            "db.internal.air.flights",
            "table://db.internal.air/flights",
        ),
    ],
    ids=["a connection", "a SQLite file", "a server, without its user"],
)
def test_the_row_table_is_called_by_where_it_is(source: Source, name: str, uri: str) -> None:
    asset = source_asset(source)

    assert (asset.name, asset.uri) == (name, uri)


def test_a_table_with_a_name_that_airflow_does_not_take_is_quoted() -> None:
    assert table_asset("warehouse", "flüge").name == "warehouse.fl%C3%BCge"
