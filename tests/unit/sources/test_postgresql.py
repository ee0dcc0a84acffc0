"""The same on a real PostgreSQL: its own types, moments with and without a zone, a server that refuses or goes away."""

import traceback
from datetime import UTC, datetime

import pyarrow as pa
import pytest
import sqlalchemy as sa

from retrainer.errors import SourceUnavailableError
from retrainer.sources import arrival, open_engine
from retrainer.sources.arrow import MOMENT
from retrainer.sources.extract import Unconvertible, open_source
from retrainer.sources.sample.tables import METADATA, open_database
from tests.factories import day, make_config, make_settings
from tests.postgres import PASSWORD

TABLES = """
CREATE TABLE orders (order_id bigint, ordered_at timestamptz, region varchar(10), amount numeric(12, 2),
                     express boolean, days_to_pay real, paid_at timestamp, token uuid, extra json);
CREATE INDEX ON orders (ordered_at);
CREATE TABLE rates (region text, at timestamp, rate double precision);
CREATE TABLE landings (table_name text, interval_start timestamptz, interval_end timestamptz, row_count integer);
INSERT INTO orders SELECT i, '2026-01-08 00:00+00'::timestamptz + i * interval '1 hour', 'north', i + 0.25,
    mod(i, 2) = 0, i, '2026-01-09 00:00'::timestamp, gen_random_uuid(), '{"a": 1}'::json FROM generate_series(-3, 26) i;
INSERT INTO rates VALUES ('north', '2026-01-08 23:59:59.999999', 1.5), ('north', '2026-01-09 00:00:00', 2.5);
INSERT INTO landings VALUES ('orders', '2026-01-08 00:00+00', '2026-01-09 00:00+00', 24),
    ('rates', '2026-01-08 00:00+00', '2026-01-09 00:00+00', 1);
SET TIME ZONE 'Asia/Tokyo';
"""


@pytest.fixture(scope="module")
def server(postgresql):
    """URL of a database of its own."""
    return postgresql.new_database()


@pytest.fixture(scope="module")
def filled(server):
    engine = sa.create_engine(server, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        for statement in filter(str.strip, TABLES.split(";\n")):
            connection.exec_driver_sql(statement)
    return server


def opened(home, url):
    declared = make_config().source
    return declared, open_engine(declared, connection_url=make_settings(home, url).connection_url, root=home)


def test_a_day_is_counted_by_moments_with_and_without_a_zone(filled, tmp_path):
    declared, engine = opened(tmp_path, filled)
    found = {table.table: (table.rows, table.complete) for table in arrival(engine, declared, day(7)).tables}
    assert found == {"orders": (24, True), "rates": (1, True)}


def test_rows_come_with_the_types_of_the_database_in_chunks(filled, tmp_path):
    declared, engine = opened(tmp_path, filled)
    with open_source(engine, declared) as source:
        extract = source.table("orders")
        batches = list(extract.read(day(7), chunk_rows=10))
        rows = pa.Table.from_batches(batches).sort_by("order_id")
    assert [batch.num_rows for batch in batches] == [10, 10, 4]
    assert {field.name: field.type for field in rows.schema} == {
        "order_id": pa.int64(),
        "ordered_at": MOMENT,
        "region": pa.string(),
        "amount": pa.float64(),
        "express": pa.bool_(),
        "days_to_pay": pa.float64(),
        "paid_at": MOMENT,
        "token": pa.string(),
        "extra": pa.string(),
    }
    first = rows.drop_columns(["token"]).slice(0, 1).to_pylist()
    assert first == [
        {
            "order_id": 0,
            "ordered_at": datetime(2026, 1, 8, tzinfo=UTC),
            "region": "north",
            "amount": 0.25,
            "express": True,
            "days_to_pay": 0.0,
            "paid_at": datetime(2026, 1, 9, tzinfo=UTC),
            "extra": "{'a': 1}",
        }
    ]


def test_an_event_time_of_another_type_gives_no_rows_for_validation_to_name_it(filled, tmp_path):
    declared, engine = opened(tmp_path, filled)
    writer = sa.create_engine(filled, poolclass=sa.pool.NullPool)
    with writer.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE odd AS SELECT 1::bigint AS at, 'n' AS region, 1.0::float AS rate")
    config = make_config(source={"tables": {"rates": {"name": "odd"}}})
    with open_source(engine, config.source) as source:
        extract = source.table("rates")
        assert list(extract.read(day(7))) == []
        assert extract.schema.field("at").type == pa.int64()
    assert declared.tables["rates"].event_time == "at"


def test_nothing_can_be_written(filled, tmp_path):
    declared, engine = opened(tmp_path, filled)
    with pytest.raises(SourceUnavailableError, match="read-only"), open_source(engine, declared) as source:
        source.connection.exec_driver_sql("DELETE FROM orders")


def test_a_refused_password_is_not_told(server, tmp_path):
    declared, engine = opened(tmp_path, server.replace(PASSWORD, "another-secret"))
    with pytest.raises(SourceUnavailableError, match=r"connection 'orders_source' did not answer: .*auth") as caught:
        arrival(engine, declared, day(7))
    assert "another-secret" not in "".join(traceback.format_exception(caught.value))


def test_a_server_that_goes_away_while_rows_are_read_is_named(filled, tmp_path):
    declared, engine = opened(tmp_path, filled)
    killer = sa.create_engine(filled, poolclass=sa.pool.NullPool)
    others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"

    def read_on(batches):
        next(batches)
        with killer.connect() as connection:
            connection.exec_driver_sql(f"SELECT pg_terminate_backend(pid) {others}")
        list(batches)

    with pytest.raises(SourceUnavailableError, match="orders_source"), open_source(engine, declared) as source:
        read_on(source.table("orders").read(day(7), chunk_rows=2))


def test_an_infinity_in_a_numeric_column_is_kept_for_validation_to_name_it(filled, tmp_path):
    writer = sa.create_engine(filled, poolclass=sa.pool.NullPool)
    with writer.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE wild (region text, at timestamptz, rate numeric)")
        connection.exec_driver_sql("INSERT INTO wild VALUES ('n', '2026-01-08 01:00+00', 'Infinity')")
    config = make_config(source={"tables": {"rates": {"name": "wild"}}})
    _, engine = opened(tmp_path, filled)
    with open_source(engine, config.source) as source:
        try:
            (batch,) = source.table("rates").read(day(7))
        except Unconvertible as error:
            pytest.fail(f"{error.columns} did not convert")
    assert batch.column("rate").to_pylist() == [float("inf")]


def test_the_examples_upstream_may_be_a_postgresql_database(postgresql):
    with open_database(postgresql.new_database()).begin() as connection:
        METADATA.create_all(connection)

        assert sa.inspect(connection).has_table("upstream_flights")
