"""Arrow columns as a model takes them: the same that a DataFrame of the same rows comes to."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from retrainer.columns import columns_of
from retrainer.errors import ConfigurationError
from retrainer.scoring.columns import columns_of_batch

MOMENT = datetime(2026, 3, 1, 12, 30, 0, 5, tzinfo=UTC)

COLUMNS = {
    "texts": pa.array(["a", None, "", "a"]),
    "no texts": pa.array([None] * 4, pa.string()),
    "large texts": pa.array(["a", None, "b", "ü"], pa.large_string()),
    "moments": pa.array([MOMENT, None, MOMENT, MOMENT], pa.timestamp("us", tz="UTC")),
    "moments of a finer unit": pa.array([MOMENT, None, MOMENT, MOMENT], pa.timestamp("ns", tz="UTC")),
    "local moments": pa.array([MOMENT, None, MOMENT, MOMENT], pa.timestamp("us", tz="America/New_York")),
    "numbers": pa.array([1.5, None, float("nan"), float("inf")]),
    "whole numbers": pa.array([1, None, -3, 2**53], pa.int64()),
    "all there": pa.array([1, 2, 3, 4], pa.int32()),
    "yes or no": pa.array([True, None, False, True]),
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("rows", [slice(0, 4), slice(1, 3), slice(0, 0)], ids=["all", "some", "none"])
def test_a_column_is_what_a_data_frame_makes_of_it(name: str, rows: slice) -> None:
    batch = pa.RecordBatch.from_pydict({"c": COLUMNS[name]}).slice(rows.start, rows.stop - rows.start)

    found = columns_of_batch(batch, ["c"])["c"]

    expected = columns_of(batch.to_pandas())["c"]
    np.testing.assert_array_equal(found, expected)
    if batch.num_rows:
        assert found.dtype == expected.dtype


def test_the_types_do_not_depend_on_there_being_rows() -> None:
    batch = pa.RecordBatch.from_pydict(COLUMNS).slice(0, 0)

    kinds = {name: values.dtype.char for name, values in columns_of_batch(batch, list(COLUMNS)).items()}

    assert set(kinds.values()) == {"O", "M", "d"}


def test_a_whole_number_that_no_float_holds_is_rounded() -> None:
    batch = pa.RecordBatch.from_pydict({"c": pa.array([2**53 + 1])})

    assert columns_of_batch(batch, ["c"])["c"].tolist() == [2.0**53]


def test_only_what_is_asked_for_is_read_and_nobody_can_write_to_it() -> None:
    batch = pa.RecordBatch.from_pydict({"a": pa.array([1.0]), "b": pa.array(["x"]), "c": pa.array([None])})

    columns = columns_of_batch(batch, ["b", "a"])

    assert list(columns) == ["b", "a"]
    assert not any(values.flags.writeable for values in columns.values())


def test_a_column_of_another_kind_is_named() -> None:
    batch = pa.RecordBatch.from_pydict({"tags": pa.array([["a"]])})

    with pytest.raises(ConfigurationError, match=r"column 'tags' must hold .* got list"):
        columns_of_batch(batch, ["tags"])
