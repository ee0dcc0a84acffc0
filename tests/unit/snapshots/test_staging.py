"""What was extracted is staged once, whatever came twice; a column read as text gets its type back where it can."""

import pyarrow as pa
from deltalake import DeltaTable

from retrainer.snapshots import connect, pin, sql_types, stage, view_staged
from tests.unit.snapshots.tables import ALL, KEYS, read

COLUMNS = pa.schema([("id", pa.int64()), ("size", pa.float64())])


def rows(*pairs):
    return pa.RecordBatch.from_pylist([{"id": number, "size": size} for number, size in pairs], COLUMNS)


def test_exact_repeats_are_dropped_and_counted_also_across_chunks(tmp_path):
    uri = str(tmp_path / "staged")
    nan = float("nan")
    batches = [(KEYS[0], rows((1, 0.5), (2, None), (2, None))), (KEYS[0], rows((1, 0.5), (1, 0.6), (3, nan), (3, nan)))]
    staged = stage(uri, [*batches, (KEYS[1], rows((1, 0.5)))], schema=COLUMNS, keys=KEYS[:2])
    assert (staged.rows, staged.repeated_rows) == (5, 3)
    assert pin(uri, "t", ALL).rows == 5


def test_staging_again_replaces_all_of_it_columns_included(tmp_path):
    uri = str(tmp_path / "staged")
    stage(uri, [(KEYS[0], rows((1, 0.5)))], schema=COLUMNS, keys=KEYS[:1])
    other = pa.schema([("id", pa.string())])
    batch = pa.RecordBatch.from_pylist([{"id": "x"}], other)
    staged = stage(uri, [(KEYS[1], batch)], schema=other, keys=KEYS[1:2])
    assert read(pin(uri, "t", ALL)) == [("x", KEYS[1])]
    assert staged.digest == pin(uri, "t", ALL).digest


def test_the_same_rows_in_another_order_have_the_same_digest(tmp_path):
    one = stage(str(tmp_path / "1"), [(KEYS[0], rows((1, 0.5), (2, 1.0)))], schema=COLUMNS, keys=KEYS[:1])
    two = stage(
        str(tmp_path / "2"), [(KEYS[0], rows((2, 1.0))), (KEYS[0], rows((1, 0.5)))], schema=COLUMNS, keys=KEYS[:1]
    )
    assert one.digest == two.digest


def test_nothing_extracted_is_a_table_without_rows(tmp_path):
    uri = str(tmp_path / "staged")
    assert stage(uri, [], schema=COLUMNS, keys=KEYS[:1]).rows == 0
    with connect() as connection:
        types = view_staged(connection, DeltaTable(uri), KEYS[:1], "v", meant=sql_types(COLUMNS))
    assert types == {"id": "BIGINT", "size": "DOUBLE"}


def test_a_column_read_as_text_has_its_type_again_in_the_partitions_where_every_value_fits(tmp_path):
    uri = str(tmp_path / "staged")
    as_text = pa.schema([("id", pa.int64()), ("size", pa.string())])
    good = pa.RecordBatch.from_pylist([{"id": 1, "size": "0.5"}, {"id": 2, "size": None}], as_text)
    bad = pa.RecordBatch.from_pylist([{"id": 3, "size": "large"}], as_text)
    stage(uri, [(KEYS[0], good), (KEYS[1], bad)], schema=as_text, keys=KEYS[:2])
    with connect() as connection:
        table = DeltaTable(uri)
        meant = sql_types(COLUMNS)
        assert view_staged(connection, table, [KEYS[0]], "good", meant=meant)["size"] == "DOUBLE"
        assert connection.execute("SELECT size FROM good ORDER BY id").fetchall() == [(0.5,), (None,)]
        assert view_staged(connection, table, [KEYS[1]], "bad", meant=meant)["size"] == "VARCHAR"
        assert view_staged(connection, table, KEYS[:2], "both", meant=meant)["size"] == "VARCHAR"


def test_a_fraction_in_a_column_of_integers_is_not_rounded(tmp_path):
    uri = str(tmp_path / "staged")
    as_text = pa.schema([("id", pa.string())])
    for key, texts in ((KEYS[0], ("1", "-2", "9007199254740993")), (KEYS[1], ("1.5", "2"))):
        batch = pa.RecordBatch.from_pylist([{"id": text} for text in texts], as_text)
        stage(f"{uri}-{key[:10]}", [(key, batch)], schema=as_text, keys=[key])
    with connect() as connection:
        whole, fraction = (DeltaTable(f"{uri}-{key[:10]}") for key in KEYS[:2])
        assert view_staged(connection, whole, KEYS[:1], "whole", meant={"id": "BIGINT"}) == {"id": "BIGINT"}
        assert connection.execute("SELECT max(id) FROM whole").fetchone() == (9007199254740993,)
        assert view_staged(connection, fraction, KEYS[1:2], "fraction", meant={"id": "BIGINT"}) == {"id": "VARCHAR"}
