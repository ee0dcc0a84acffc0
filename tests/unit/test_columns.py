"""What a model's own code is handed, and what it is told when it gives something else back."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from retrainer.columns import add_row_features, columns_of, rule_scores, with_row_features
from retrainer.errors import ConfigurationError

_NOON = np.datetime64("2013-07-01T12:00", "us")
_COLUMNS = {"amount": np.array([1.0, 2.0]), "region": np.array(["north", None], dtype=object)}


def _given_back(values):
    """A row_features that makes column `made` of `values`."""

    def row_features(columns):
        return {"made": values}

    return row_features


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1, 2, 3]),
        pd.Series([1, 2, 3], dtype="Int64"),
        pd.Series([1, 2, 3], dtype="float32"),
        pd.Series([1, 2, 3], dtype="uint8"),
        pd.Series([1, 2, 3], dtype=object),
    ],
    ids=lambda series: str(series.dtype),
)
def test_numbers_of_every_type_are_float64(series):
    column = columns_of(pd.DataFrame({"a": series}))["a"]

    assert column.dtype == np.float64
    assert column.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([True, False, None], dtype=object),
        pd.Series([True, False, None], dtype="boolean"),
        pd.Series([1, 0, None], dtype="Int64"),
        pd.Series([1, 0, None], dtype="float64"),
        pd.Series([1, 0, None], dtype=object),
    ],
    ids=["object", "boolean", "Int64", "float64", "numbers"],
)
def test_a_missing_number_or_boolean_is_nan(series):
    column = columns_of(pd.DataFrame({"a": series}))["a"]

    assert np.array_equal(column, [1.0, 0.0, np.nan], equal_nan=True)


def test_booleans_without_a_missing_one_are_numbers():
    assert columns_of(pd.DataFrame({"a": [True, False]}))["a"].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(["a", None, "b"], dtype=object),
        pd.Series(["a", np.nan, "b"], dtype=object),
        pd.Series(["a", None, "b"], dtype="string"),
        pd.Series(["a", None, "b"], dtype="category"),
    ],
    ids=["None", "NaN", "string", "category"],
)
def test_a_missing_text_is_none(series):
    column = columns_of(pd.DataFrame({"a": series}))["a"]

    assert column.dtype == object
    assert column.tolist() == ["a", None, "b"]


def test_a_column_of_objects_of_which_all_are_missing_is_one_of_texts():
    assert columns_of(pd.DataFrame({"a": pd.Series([None, np.nan], dtype=object)}))["a"].tolist() == [None, None]


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([datetime(2013, 7, 1, 12, tzinfo=UTC), None]),
        pd.Series([datetime(2013, 7, 1, 8, tzinfo=timezone(timedelta(hours=-4))), None]),
        pd.Series([_NOON, None]).astype("datetime64[ns]"),
        pd.Series([_NOON, None]).astype("datetime64[s]"),
    ],
    ids=["UTC", "another zone", "naive", "seconds"],
)
def test_a_timestamp_is_in_utc_and_microseconds(series):
    column = columns_of(pd.DataFrame({"a": series}))["a"]

    assert column.dtype == np.dtype("datetime64[us]")
    assert column[0] == _NOON
    assert np.isnat(column[1])


def test_a_column_of_anything_else_is_named():
    with pytest.raises(ConfigurationError, match=r"column 'a' must hold texts, .* got list"):
        columns_of(pd.DataFrame({"a": [[1], [2]]}))


def test_the_model_s_own_code_cannot_change_the_frame():
    frame = pd.DataFrame({"amount": [1.0, 2.0], "at": [_NOON, _NOON], "region": ["north", "south"]})

    def row_features(columns):
        columns["amount"][:] = 0
        return {}

    with pytest.raises(ValueError, match="read-only"):
        add_row_features(frame, row_features)
    frame["amount"] += 1
    assert frame["amount"].tolist() == [2.0, 3.0]


def test_what_is_made_lies_beside_what_was_given_and_instead_of_a_column_of_its_name():
    made = with_row_features(_COLUMNS, lambda columns: {"half": columns["amount"] / 2, "region": columns["amount"]})

    assert list(made) == ["amount", "region", "half"]
    assert made["half"].tolist() == [0.5, 1.0]
    assert made["region"].tolist() == [1.0, 2.0]
    assert _COLUMNS["region"].tolist() == ["north", None]


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (np.array([1, 2]), "float64"),
        (np.array([True, False]), "float64"),
        (np.array([1, 2], dtype="float32"), "float64"),
        (np.array(["a", "b"]), "object"),
        (np.array([_NOON, _NOON]).astype("datetime64[s]"), "datetime64[us]"),
    ],
    ids=["integers", "booleans", "float32", "texts", "seconds"],
)
def test_a_column_that_was_made_gets_one_of_the_three_types(values, dtype):
    assert with_row_features(_COLUMNS, _given_back(values))["made"].dtype == np.dtype(dtype)


@pytest.mark.parametrize(
    ("values", "got"),
    [
        (np.array([1.0]), r"an array of shape \(1,\) and type float64"),
        (np.array([[1.0, 2.0]]), r"an array of shape \(1, 2\) and type float64"),
        (np.array([1j, 2j]), r"an array of shape \(2,\) and type complex128"),
        ([1.0, 2.0], "list"),
        (1.0, "float"),
        (pd.Series([1.0, 2.0]), "Series"),
    ],
    ids=["too short", "two dimensions", "complex", "list", "number", "Series"],
)
def test_a_column_that_is_no_array_of_a_row_each_is_named_with_its_function(values, got):
    message = rf"test_columns\._given_back\.<locals>\.row_features must make column 'made' an array of 2 .*, got {got}"
    with pytest.raises(ConfigurationError, match=message):
        with_row_features(_COLUMNS, _given_back(values))


def test_a_result_that_is_no_dict_is_refused():
    with pytest.raises(ConfigurationError, match=r"must return a dict of arrays, got DataFrame"):
        with_row_features(_COLUMNS, lambda columns: pd.DataFrame(dict(columns)))


@pytest.mark.parametrize("call", [with_row_features, lambda columns, function: rule_scores(function, columns)])
def test_a_column_that_the_code_reads_and_is_not_there_is_named_with_those_that_are(call):
    def reading(columns):
        return columns["amuont"]

    with pytest.raises(ConfigurationError, match=r"reading reads column 'amuont', .* \(there are: amount, region\)"):
        call(_COLUMNS, reading)


def test_another_mistake_of_the_code_is_raised_as_it_is():
    with pytest.raises(KeyError, match="7"):
        with_row_features(_COLUMNS, lambda columns: {}[7])


@pytest.mark.parametrize(
    "said",
    [np.array([0.5]), np.array([[0.5], [0.5]]), np.array(["a", "b"]), [0.5, 0.5], 0.5, None],
    ids=["too short", "two dimensions", "texts", "list", "number", "nothing"],
)
def test_a_rule_must_give_one_number_a_row(said):
    with pytest.raises(ConfigurationError, match="must return one number a row, 2 in all, got"):
        rule_scores(lambda columns: said, _COLUMNS)


def test_a_rule_may_count():
    assert rule_scores(lambda columns: np.array([1, 0]), _COLUMNS).dtype == np.float64


def test_the_stage_keeps_the_index_and_takes_no_rows():
    frame = pd.DataFrame({"amount": [1.0, 2.0, 3.0]}, index=[7, 8, 9])

    made = add_row_features(frame, lambda columns: {"half": columns["amount"] / 2})
    none = add_row_features(frame.head(0), lambda columns: {"half": columns["amount"] / 2})

    assert made.index.tolist() == [7, 8, 9]
    assert made["half"].tolist() == [0.5, 1.0, 1.5]
    assert none["half"].dtype == np.float64
    assert len(none) == 0
