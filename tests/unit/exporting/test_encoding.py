"""Categories that are missing, rare or were never seen, and numbers that are missing, are encoded as in training."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, OrdinalEncoder

from retrainer.errors import BadDataError
from retrainer.exporting import MISSING_CATEGORY, OnnxModel
from retrainer.exporting.convert import to_onnx
from retrainer.exporting.graph import NotConvertibleError
from tests.unit.exporting.fitted import examples, fitted

ONE_HOT, ORDINAL = "linear_model.LogisticRegression", "ensemble.HistGradientBoostingClassifier"
TEXTS = [None, "", "A", "B", "C", "D", "a", "None", "nan", "rare", "seldom", "A\0", "é", MISSING_CATEGORY + "x"]


def columns(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    return {name: frame[name].to_numpy() for name in frame}


def trained_on(values: list[object], dtype: type, encoder: OrdinalEncoder | OneHotEncoder) -> Pipeline:
    """A logistic regression on one category, each of whose values is learned to be something else."""
    frame = pd.DataFrame({"category": np.array(values * 20, dtype=dtype)})
    encode = ColumnTransformer([("categorical", encoder, ["category"])])
    label = np.arange(len(frame)) % len(values) % 2
    return Pipeline([("encode", encode), ("estimator", LogisticRegression())]).fit(frame, label)


@pytest.mark.parametrize("estimator", [ONE_HOT, ORDINAL])
def test_every_text_is_encoded_as_in_training(estimator):
    model = fitted(estimator)
    asked = [(name, text) for name in ("carrier", "origin", "dest") for text in TEXTS]
    place = int(np.flatnonzero(examples().features.notna().all(axis=1))[10])
    frame = examples().features.iloc[[place] * len(asked)].reset_index(drop=True)
    for row, (name, text) in enumerate(asked):
        frame.loc[row, name] = text
    assert [int(frame[name].isna().sum()) for name in ("carrier", "origin", "dest")] == [1, 1, 1]
    assert np.abs(model.onnx_says(frame) - model.says(frame)).max() < 1e-14


def test_a_missing_category_that_training_saw_is_not_one_that_was_never_seen():
    model = fitted(ONE_HOT)
    row = examples().features.iloc[[9]]
    missing, unknown = (model.onnx_says(row.assign(carrier=value))[0] for value in (None, "never seen"))
    assert abs(missing - unknown) > 1e-3


@pytest.mark.filterwarnings("ignore:Found unknown categories")
@pytest.mark.parametrize(
    "encoder",
    [
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-2, encoded_missing_value=-1),
        OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=30, sparse_output=False),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    ],
    ids=["ordinal", "all categories rare", "one-hot"],
)
@pytest.mark.parametrize(
    ("values", "dtype", "asked"),
    [
        (["x", "y", "", None], object, ["x", "y", "", None, "z", "None"]),
        (["only"], object, ["only", None, "other"]),
        ([None], object, [None, "other"]),
        ([1.0, 2.5, -0.0, np.nan], float, [1.0, 2.5, 0.0, np.nan, 3.0, 1e300, 2.5000000000000004]),
        ([7.0, 8.0], float, [7.0, np.nan, 9.0]),
    ],
    ids=["texts and missing", "one text", "only missing", "numbers and missing", "numbers"],
)
def test_texts_and_numbers_may_be_categories(encoder, values, dtype, asked):
    pipeline = trained_on(values * 2 if len(values) == 1 else values, dtype, encoder)
    frame = pd.DataFrame({"category": np.array(asked, dtype=dtype)})
    expected = pipeline.predict_proba(frame)[:, 1]
    assert np.abs(OnnxModel(to_onnx(pipeline)).predict(columns(frame)) - expected).max() < 1e-14


def test_an_infinite_category_is_refused_by_both():
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-2)
    pipeline = trained_on([1.0, 2.0], float, encoder)
    frame = pd.DataFrame({"category": [np.inf]})
    with pytest.raises(ValueError, match="infinity"):
        pipeline.predict_proba(frame)
    with pytest.raises(BadDataError, match="1 of 1 predictions are not finite numbers"):
        OnnxModel(to_onnx(pipeline)).predict(columns(frame))


def test_categories_that_are_neither_texts_nor_numbers_are_a_reason():
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-2)
    pipeline = trained_on([True, False], object, encoder)
    with pytest.raises(NotConvertibleError, match="categories of category are neither texts nor numbers"):
        to_onnx(pipeline)


@pytest.mark.parametrize("step", [MinMaxScaler(), FunctionTransformer(np.abs)], ids=["scaler", "function"])
def test_a_step_that_the_software_does_not_know_is_a_reason(step):
    frame = pd.DataFrame({"amount": [1.0, 2.0, 3.0, 4.0]})
    encode = ColumnTransformer([("numeric", step, ["amount"])])
    pipeline = Pipeline([("encode", encode), ("estimator", LogisticRegression())]).fit(frame, [0, 1, 0, 1])
    with pytest.raises(NotConvertibleError, match=f"{type(step).__name__} before the estimator has no equal in ONNX"):
        to_onnx(pipeline)
