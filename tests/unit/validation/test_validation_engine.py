"""What we rely on inside GX, DuckDB and the caller's connection."""

import itertools
import math

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from great_expectations.execution_engine import sqlalchemy_execution_engine

from retrainer.validation import Batch, Expectation, Suite, validate
from retrainer.validation.gx_duckdb import DIALECT, DuckDBExecutionEngine

SUITE = Suite("flights", [Expectation("expect_column_values_to_be_unique", {"column": "flight_id"})])


def test_gx_keeps_connections_of_duckdb_open():
    assert DIALECT in sqlalchemy_execution_engine._PERSISTED_CONNECTION_DIALECTS


def test_gx_works_on_the_callers_connection_and_neither_closes_nor_blocks_it(make_batch, connection):
    connection.execute("CREATE TEMP TABLE mine AS SELECT 1 AS x")
    assert validate(make_batch("* FROM (SELECT * FROM source, mine) AS source --"), SUITE).success
    connection.execute("BEGIN")
    assert connection.execute("SELECT x FROM mine").fetchall() == [(1,)]
    connection.execute("COMMIT")


def test_no_view_is_left_behind(make_batch, connection):
    batch = make_batch()
    validate(batch, SUITE)
    validate(batch, SUITE)
    views = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    assert views == [("flights",)]


def test_an_engine_that_gx_drops_leaves_the_connection_open(make_batch, connection):
    batch = make_batch()
    engine = DuckDBExecutionEngine(connection, batch.view)
    engine.close()
    del engine
    assert connection.execute("SELECT count(*) FROM flights").fetchall() == [(10,)]


def test_nan_is_missing_whatever_statistics_the_parquet_file_has(tmp_path):
    """DuckDB 2.0 takes isnan(x) for false where the statistics of the file have a range: NaN is not in it."""
    expectation = Expectation("expect_column_values_to_not_be_null", {"column": "x"})
    cases = list(itertools.product([math.nan, math.inf, 1.0, None], repeat=2))
    for place, values in enumerate(cases):
        path = tmp_path / f"{place}.parquet"
        pq.write_table(pa.table({"x": pa.array(values, type=pa.float64(), from_pandas=False)}), path)
        with duckdb.connect() as connection:
            connection.execute(f"CREATE VIEW numbers AS SELECT * FROM '{path}'")
            outcome = validate(Batch("numbers", "interval", connection, "numbers", {}), Suite("numbers", [expectation]))
        missing = sum(value is None or math.isnan(value) for value in values)
        infinite = sum(value is not None and math.isinf(value) for value in values)
        failed = {check.expectation: check.failed_rows for check in outcome.checks}
        assert failed == {"all_null": 2 * (missing == 2), "infinity": infinite, expectation.type: missing}, values
