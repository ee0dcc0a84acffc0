"""Segments into the Delta table: each row once, with the declared types, whatever came in between."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from retrainer.config.declaration import ModelConfig
from retrainer.errors import BadDataError
from retrainer.predictions import LoggedBatch, PredictionLog
from retrainer.predictions.collect import Collected, collect, discard
from retrainer.predictions.columns import logged_columns, table_schema
from retrainer.predictions.segments import SUFFIX
from retrainer.predictions.table import view_days
from retrainer.snapshots import connect
from tests.factories import make_config
from tests.unit.predictions.batches import MODEL, NOON, batch, stored, stored_ids


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return str(tmp_path / "data" / MODEL / "predictions")


def write(folder: Path, *batches: LoggedBatch) -> None:
    """One segment with these batches."""
    log = PredictionLog(folder, flush_seconds=3600)
    for one in batches:
        log.append(one)
    log.close()


def gather(folder: Path, uri: str, config: ModelConfig | None = None) -> Collected:
    with connect() as connection:
        return collect(folder / MODEL, uri, logged_columns(config or make_config()), connection=connection)


def test_a_row_is_what_was_logged_with_the_declared_types(tmp_path: Path, uri: str) -> None:
    write(tmp_path, batch("a-0", "a-1", outputs=[0.1, 0.9]))

    assert gather(tmp_path, uri) == Collected(segments=1, rows=2)

    first, second = stored(uri)
    noon = datetime(2026, 1, 8, 12, tzinfo=UTC)
    assert first == {
        "id": "a-0",
        "at": noon,
        "day": date(2026, 1, 8),
        "version": 3,
        "source": "model",
        "seconds": 0.002,
        "output": 0.1,
        "ordered_at": noon,
        "region": "north",
        "amount": 0.0,
        "express": True,
        "rates__rate": 1.5,
        "region_late": None,
        "order_id": 100,
    }
    assert (second["id"], second["amount"], second["order_id"], second["output"]) == ("a-1", 1.0, 101, 0.9)


def test_the_table_is_partitioned_by_the_day_of_the_prediction_in_utc(tmp_path: Path, uri: str) -> None:
    midnight = datetime(2026, 1, 9, tzinfo=UTC).timestamp()
    write(tmp_path, batch("before", at=midnight - 0.000_001), batch("after", at=midnight))
    gather(tmp_path, uri)

    assert {row["id"]: row["day"] for row in stored(uri)} == {"before": date(2026, 1, 8), "after": date(2026, 1, 9)}
    assert DeltaTable(uri).metadata().partition_columns == ["day"]


def test_segments_go_once_their_rows_are_in_the_table(tmp_path: Path, uri: str) -> None:
    write(tmp_path, batch("a"))
    write(tmp_path, batch("b"))
    assert gather(tmp_path, uri).segments == 2

    assert list((tmp_path / MODEL).iterdir()) == []
    assert gather(tmp_path, uri) == Collected()
    assert stored_ids(uri) == ["a", "b"]


def test_a_segment_that_comes_again_gives_no_row_twice(tmp_path: Path, uri: str) -> None:
    write(tmp_path, batch("a", "b"))
    (segment,) = (tmp_path / MODEL).glob(f"*{SUFFIX}")
    content = segment.read_bytes()
    gather(tmp_path, uri)
    version = DeltaTable(uri).version()
    segment.write_bytes(content)

    assert gather(tmp_path, uri) == Collected(segments=1, rows=0)
    assert stored_ids(uri) == ["a", "b"]
    assert DeltaTable(uri).version() == version


def test_the_same_id_twice_is_one_row_within_a_collection_and_across_two(tmp_path: Path, uri: str) -> None:
    write(tmp_path, batch("a", outputs=[0.1]), batch("a", at=NOON + 1, outputs=[0.9]))
    assert gather(tmp_path, uri).rows == 1
    write(tmp_path, batch("a", at=NOON + 2), batch("b"))
    assert gather(tmp_path, uri).rows == 1

    assert [(row["id"], row["output"]) for row in stored(uri)] == [("a", 0.1), ("b", 0.25)]


def test_versions_that_answered_the_same_request_are_rows_of_their_own(tmp_path: Path, uri: str) -> None:
    write(
        tmp_path,
        batch("a"),
        batch("a", source="shadow", version=4),
        batch("a", source="fallback", version=None),
        batch("a", source="fallback", version=None),
    )
    gather(tmp_path, uri)

    rows = [(row["id"], row["source"], row["version"]) for row in stored(uri)]
    assert rows == [("a", "fallback", None), ("a", "model", 3), ("a", "shadow", 4)]


def test_the_commit_names_the_segments_that_it_came_from(tmp_path: Path, uri: str) -> None:
    write(tmp_path, batch("a"))
    (segment,) = (tmp_path / MODEL).glob(f"*{SUFFIX}")
    gather(tmp_path, uri)

    assert segment.name in DeltaTable(uri).history(1)[0]["retrainer.segments"]


def test_a_torn_segment_gives_its_whole_frames_and_says_what_was_cut_off(tmp_path: Path, uri: str) -> None:
    write(tmp_path, batch("a"))
    (segment,) = (tmp_path / MODEL).glob(f"*{SUFFIX}")
    segment.write_bytes(segment.read_bytes() + b"\x01\x02\x03")

    assert gather(tmp_path, uri) == Collected(segments=1, rows=1, torn_bytes=3)
    assert stored_ids(uri) == ["a"]


def test_a_writer_that_was_killed_before_its_first_row_leaves_nothing(tmp_path: Path, uri: str) -> None:
    (tmp_path / MODEL).mkdir()
    (tmp_path / MODEL / f"00000000000000000001-aaaaaaaa{SUFFIX}").touch()

    assert gather(tmp_path, uri) == Collected(segments=1)
    assert list((tmp_path / MODEL).iterdir()) == []


def test_without_any_log_there_is_nothing_to_collect(tmp_path: Path, uri: str) -> None:
    assert gather(tmp_path, uri) == Collected()


def test_a_column_that_is_declared_later_is_added(tmp_path: Path, uri: str) -> None:
    fewer = make_config(features={"inputs": ["ordered_at", "region", "amount"]})
    write(tmp_path, batch("a"))
    gather(tmp_path, uri, fewer)
    write(tmp_path, batch("b"))
    gather(tmp_path, uri)

    assert [(row["id"], row["express"]) for row in stored(uri)] == [("a", None), ("b", True)]


def test_a_column_that_is_no_longer_logged_is_null(tmp_path: Path, uri: str) -> None:
    one = batch("a", columns={"region": np.array(["south"], object)})
    write(tmp_path, one)
    gather(tmp_path, uri)

    (row,) = stored(uri)
    assert (row["region"], row["amount"], row["ordered_at"]) == ("south", None, None)


def test_a_column_of_another_declared_type_stops_the_collection_and_loses_nothing(tmp_path: Path, uri: str) -> None:
    write(tmp_path, batch("a"))
    gather(tmp_path, uri)
    write(tmp_path, batch("b"))
    orders = {"columns": {**make_config().source.tables["orders"].columns, "amount": "string"}}
    changed = make_config(source={"tables": {"orders": orders}})

    with pytest.raises(BadDataError, match=r"column 'amount' of .* is double, and is declared as string now"):
        gather(tmp_path, uri, changed)

    assert gather(tmp_path, uri).rows == 1
    assert stored_ids(uri) == ["a", "b"]


@pytest.mark.parametrize(
    ("declared", "logged", "expected"),
    [
        ("float", np.array([1.5, np.nan, np.inf]), [1.5, None, np.inf]),
        ("integer", np.array([3.0, np.nan, 1.5]), [3, None, None]),
        ("integer", np.array([-(2.0**53), 1e300, -np.inf]), [-(2**53), None, None]),
        ("integer", np.array([2**60 + 1, None, "x"], object), [2**60 + 1, None, None]),
        ("boolean", np.array([1.0, 0.0, np.nan]), [True, False, None]),
        ("boolean", np.array([2.0, 0.5, 1.0]), [None, None, True]),
        ("string", np.array(["ü", None, ""], object), ["ü", None, ""]),
        ("string", np.array([1.0, 2.0, 3.0]), [None, None, None]),
        ("float", np.array(["x", None, "y"], object), [None, None, None]),
        (
            "timestamp",
            np.array(["2013-06-01T12:00:00.000001", "NaT", "1969-12-31"], "datetime64[us]"),
            [datetime(2013, 6, 1, 12, 0, 0, 1, UTC), None, datetime(1969, 12, 31, tzinfo=UTC)],
        ),
    ],
)
def test_a_value_becomes_what_is_declared_or_null(
    tmp_path: Path, uri: str, declared: str, logged: np.ndarray, expected: list[object]
) -> None:
    orders = {"columns": {**make_config().source.tables["orders"].columns, "amount": declared}}
    numeric = [] if declared in ("string", "timestamp") else ["amount"]
    config = make_config(
        source={"tables": {"orders": orders}}, features={"numeric": [*numeric, "rates__rate", "region_late"]}
    )
    write(tmp_path, batch("a", "b", "c", columns={"amount": logged}))
    gather(tmp_path, uri, config)

    assert [row["amount"] for row in stored(uri)] == expected


def test_inputs_that_are_called_like_a_column_of_the_log_get_a_name_of_their_own() -> None:
    columns = {**make_config().source.tables["orders"].columns, "ID": "integer", "input_version": "float"}
    orders = {"key": ["ID"], "columns": {**columns, "version": "float"}}
    config = make_config(
        source={"tables": {"orders": orders}},
        features={"inputs": ["ordered_at", "region", "amount", "version", "input_version"]},
    )

    names = table_schema(logged_columns(config)).names

    assert len({name.casefold() for name in names}) == len(names)
    assert {"input_ID", "input_input_version", "input_version"} <= set(names)


def test_a_collection_is_made_in_pieces_and_each_row_is_there_once(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        write(tmp_path, batch(*(f"{number}-{n}" for n in range(10))))
    monkeypatch.setattr("retrainer.predictions.collect.COMMIT_BYTES", 1)

    assert gather(tmp_path, uri) == Collected(segments=5, rows=50)
    assert len(set(stored_ids(uri))) == 50
    assert DeltaTable(uri).version() == 5


def test_what_is_not_to_be_kept_is_deleted(tmp_path: Path) -> None:
    write(tmp_path, batch("a"))
    write(tmp_path, batch("b"))

    assert discard(tmp_path / MODEL) == Collected(segments=2)
    assert list((tmp_path / MODEL).iterdir()) == []


def test_a_reader_asks_for_days(tmp_path: Path, uri: str) -> None:
    today = date(2026, 1, 8)
    with connect() as connection:
        assert not view_days(connection, uri, [today], name="predictions")
        write(tmp_path, batch("a"), batch("b", at=NOON + timedelta(days=1).total_seconds()))
        gather(tmp_path, uri)
        assert view_days(connection, uri, [today], name="predictions")
        found = connection.sql("SELECT id, output FROM predictions").fetchall()
    assert found == [("a", 0.25)]


def test_a_place_that_is_no_local_folder_is_written_as_well(tmp_path: Path) -> None:
    write(tmp_path, batch("a"))
    uri = f"file://{tmp_path}/data/{MODEL}/predictions"
    gather(tmp_path, uri)

    assert stored_ids(uri) == ["a"]
    assert isinstance(pa.schema(DeltaTable(uri).schema().to_arrow()), pa.Schema)
