"""Rows in, the same rows with a prediction and a stamp in the Delta table out."""

import json
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from retrainer.contracts import Interval
from retrainer.errors import BadDataError, ConfigurationError, StoreConflictError
from retrainer.scoring import view_scored
from retrainer.snapshots import connect, open_view, pin
from tests.unit.scoring.rows import (
    DAYS,
    START,
    feature_rows,
    meanwhile,
    raising,
    score_rows,
    scorer,
    stamp,
    stored,
)

BOTH = tuple(DAYS)


@pytest.fixture
def uri(tmp_path: Path) -> Path:
    return tmp_path / "scored"


def test_each_row_gets_its_prediction_and_the_stamp_beside_its_key_time_and_features(uri: Path) -> None:
    scored = score_rows(feature_rows(), uri)

    assert (scored.rows, scored.replaced, scored.stamps) == (3, (DAYS[0],), {DAYS[0]: stamp()})
    assert stored(uri)[0] == {
        "prediction": 2.0,
        "version": 1,
        "run_id": "night",
        "scored_at": START,
        "identity": "v1",
        "order_id": 0,
        "region": "north",
        "amount": 1.0,
        "_time": START,
        "_interval": DAYS[0],
    }
    assert [row["prediction"] for row in stored(uri)] == [2.0, 4.0, -1.0]


def test_the_same_again_makes_no_new_version_and_keeps_the_first_stamp(uri: Path) -> None:
    first = score_rows(feature_rows(), uri)

    again = score_rows(feature_rows(), uri, scorer(stamp(run_id="cleared", at=START + timedelta(days=9))))

    assert again.replaced == ()
    assert (again.version, again.rows, again.stamps) == (first.version, 3, first.stamps)


def test_another_version_replaces_the_partition_and_stamps_it(uri: Path) -> None:
    score_rows(feature_rows(), uri)

    scored = score_rows(feature_rows(), uri, scorer(stamp(2, run_id="later")))

    assert scored.replaced == (DAYS[0],)
    assert {(row["version"], row["run_id"]) for row in stored(uri)} == {(2, "later")}
    assert len(stored(uri)) == 3


def test_other_intervals_stay_as_they_are(uri: Path) -> None:
    score_rows(feature_rows(DAYS[0]), uri)
    score_rows(feature_rows(DAYS[1]), uri, scorer(stamp(2)), keys=(DAYS[1],))

    assert [row["version"] for row in stored(uri)] == [1, 1, 1, 2, 2, 2]


def test_several_intervals_are_one_commit_and_only_those_that_changed_are_scored(uri: Path) -> None:
    rows = pa.concat_tables([feature_rows(DAYS[0]), feature_rows(DAYS[1], amounts=(7.0,))])
    score_rows(feature_rows(DAYS[0]), uri)
    asked: list[int] = []

    def predict(columns):
        asked.append(len(columns["amount"]))
        return columns["amount"]

    scored = score_rows(rows, uri, scorer(predict=predict), keys=BOTH)

    assert (scored.rows, scored.replaced, asked) == (4, (DAYS[1],), [1])
    assert DeltaTable(str(uri)).version() == 2
    assert set(scored.stamps) == set(BOTH)


def test_an_interval_without_rows_is_empty_afterwards_and_then_left_alone(uri: Path) -> None:
    score_rows(feature_rows(), uri)
    none = feature_rows().slice(0, 0)

    emptied, again = (score_rows(none, uri) for _ in range(2))

    assert stored(uri) == []
    assert (emptied.rows, emptied.stamps, emptied.replaced) == (0, {}, (DAYS[0],))
    assert (again.replaced, again.version) == ((), emptied.version)


def test_no_rows_at_all_make_an_empty_table(uri: Path) -> None:
    scored = score_rows(feature_rows().slice(0, 0), uri)

    assert (scored.version, scored.rows, scored.replaced) == (0, 0, ())
    assert stored(uri) == []


def test_a_column_that_the_rows_lack_is_named_with_those_that_there_are(uri: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"v3 reads .* does not have: price, seats \(it has: order_id, region"):
        score_rows(feature_rows(), uri, scorer(stamp(3), reads=("amount", "price", "seats")))

    assert not uri.exists()


@pytest.mark.parametrize("after", [0, 2])
def test_an_error_of_the_version_is_raised_as_it_is_and_the_table_is_as_it_was(
    uri: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setattr("retrainer.scoring.batches.BATCH_ROWS", 1)
    score_rows(feature_rows(), uri)
    before = stored(uri)

    with pytest.raises(BadDataError, match="1 of 1 predictions"):
        score_rows(
            feature_rows(), uri, scorer(stamp(2), predict=raising(BadDataError("1 of 1 predictions"), after=after))
        )

    assert stored(uri) == before
    assert len(list(uri.rglob("*.parquet"))) == 1


@pytest.mark.parametrize("scored_before", [False, True])
def test_of_two_that_score_an_interval_at_once_one_is_told_to_try_again(uri: Path, scored_before: bool) -> None:
    if scored_before:
        score_rows(feature_rows(), uri)

    def interrupted(columns):
        meanwhile(score_rows, feature_rows(), uri, scorer(stamp(2)))
        return columns["amount"]

    with pytest.raises(StoreConflictError, match="another writer"):
        score_rows(feature_rows(), uri, scorer(stamp(3), predict=interrupted))

    assert {row["version"] for row in stored(uri)} == {2}


def test_two_that_score_different_intervals_at_once_do_not_disturb_each_other(uri: Path) -> None:
    score_rows(feature_rows(DAYS[0]), uri)

    def interrupted(columns):
        meanwhile(score_rows, feature_rows(DAYS[1]), uri, keys=(DAYS[1],))
        return columns["amount"]

    score_rows(feature_rows(DAYS[0], amounts=(5.0,)), uri, scorer(stamp(2), predict=interrupted))

    assert [(row["_interval"], row["version"]) for row in stored(uri)] == [(DAYS[0], 2), *[(DAYS[1], 1)] * 3]


def test_a_feature_that_is_new_or_gone_is_null_where_it_was_not(uri: Path) -> None:
    score_rows(feature_rows(DAYS[0], amounts=(1.0,), old=pa.array([5])), uri)
    score_rows(feature_rows(DAYS[1], amounts=(1.0,), new=pa.array(["x"])), uri, keys=(DAYS[1],))

    assert stored(uri, "old", "new") == [{"old": 5, "new": None}, {"old": None, "new": "x"}]


def test_a_partition_that_adds_no_column_leaves_the_tables_columns_alone(uri: Path) -> None:
    score_rows(feature_rows(DAYS[0]), uri)
    score_rows(feature_rows(DAYS[1]), uri, keys=(DAYS[1],))

    last = (uri / "_delta_log" / f"{DeltaTable(str(uri)).version():020}.json").read_text().splitlines()

    assert [next(iter(json.loads(line))) for line in last] == ["commitInfo", "add"]


def test_a_feature_of_another_type_than_before_is_refused(uri: Path) -> None:
    score_rows(feature_rows(amounts=(1.0,), seats=pa.array([5])), uri)

    with pytest.raises(BadDataError, match=r"column 'seats' .* is int64, and is declared as string now"):
        score_rows(feature_rows(amounts=(1.0,), seats=pa.array(["5"])), uri, scorer(stamp(2)))


def test_a_feature_called_as_a_column_of_the_stamp_is_kept_under_another_name(uri: Path) -> None:
    rows = feature_rows(amounts=(1.0,), Version=pa.array(["a"]), input_Version=pa.array(["b"]))

    score_rows(rows, uri, scorer(reads=("amount", "Version")))

    assert stored(uri, "version", "input_input_Version", "input_Version") == [
        {"version": 1, "input_input_Version": "a", "input_Version": "b"}
    ]


def test_many_batches_are_all_there_once(uri: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrainer.scoring.batches.BATCH_ROWS", 1000)
    count = 12_345
    amounts = np.arange(count, dtype=float)
    key = pa.repeat(DAYS[0], count)
    time = pa.array(np.datetime64("2026-01-01T00:00:00", "us") + np.arange(count), pa.timestamp("us", tz="UTC"))

    score_rows(pa.table({"amount": amounts, "_time": time, "_interval": key}), uri)

    assert [row["prediction"] for row in stored(uri)] == (amounts * 2).tolist()


def test_what_was_scored_is_seen_by_interval_and_a_column_younger_than_a_row_is_null(uri: Path) -> None:
    score_rows(feature_rows(DAYS[0], amounts=(1.0,)), uri)
    score_rows(feature_rows(DAYS[1], amounts=(2.0,), new=pa.array(["x"])), uri, keys=(DAYS[1],))

    with duckdb.connect() as connection:
        assert view_scored(connection, str(uri), BOTH, name="two")
        assert view_scored(connection, str(uri), [DAYS[1]], name="one")
        assert connection.sql("SELECT prediction, new FROM two ORDER BY _time").fetchall() == [(2.0, None), (4.0, "x")]
        assert connection.sql("SELECT prediction FROM one").fetchall() == [(4.0,)]


def test_before_anything_was_scored_there_is_nothing_to_see(uri: Path) -> None:
    with duckdb.connect() as connection:
        assert not view_scored(connection, str(uri), BOTH, name="two")


def test_the_partition_can_be_pinned_and_read_like_any_other_table(uri: Path) -> None:
    score_rows(feature_rows(), uri)
    window = Interval(start=START, end=START + timedelta(days=1))

    ref = pin(str(uri), "scored", window)

    assert ref.rows == 3
    with connect() as connection:
        open_view(connection, ref, "pinned")
        assert connection.sql("SELECT sum(prediction) FROM pinned").fetchall() == [(5.0,)]
