"""Trees are walked as scikit-learn walks them, up to the last bit of a threshold."""

import numpy as np
import pandas as pd
import pytest

from tests.unit.exporting.fitted import examples, fitted

TREES = [
    "ensemble.HistGradientBoostingClassifier",
    "ensemble.RandomForestClassifier",
    "ensemble.ExtraTreesRegressor",
    "tree.DecisionTreeRegressor",
]


def thresholds(estimator, column: int) -> np.ndarray:
    """Where a fitted ensemble splits its column."""
    if hasattr(estimator, "_predictors"):
        nodes = np.concatenate([tree.nodes for (tree,) in estimator._predictors])
        return np.unique(nodes["num_threshold"][(nodes["is_leaf"] == 0) & (nodes["feature_idx"] == column)])
    grown = [each.tree_ for each in getattr(estimator, "estimators_", [estimator])]
    return np.unique(np.concatenate([tree.threshold[tree.feature == column] for tree in grown]))


@pytest.mark.parametrize("estimator", TREES)
def test_values_on_and_next_to_a_threshold_go_the_same_way(estimator):
    model = fitted(estimator)
    numeric = model.pipeline["encode"].transformers_[1][2]
    column = 3 + numeric.index("weather__temp")
    splits = thresholds(model.pipeline["estimator"], column)
    splits = splits[np.isfinite(splits)]  # infinite: all that is not missing goes one way
    assert len(splits) > 5
    values = np.concatenate([splits, np.nextafter(splits, np.inf), np.nextafter(splits, -np.inf), splits + 1e-9])
    frame = examples().features.iloc[np.arange(len(values)) % 200].reset_index(drop=True).assign(weather__temp=values)
    assert np.abs(model.onnx_says(frame) - model.says(frame)).max() < 1e-12


def test_the_rows_above_are_told_apart_by_double_precision_alone():
    model = fitted(TREES[0])
    column = 3 + model.pipeline["encode"].transformers_[1][2].index("weather__temp")
    split = thresholds(model.pipeline["estimator"], column)[0]
    below, above = (
        examples().features.head(200).assign(weather__temp=value) for value in (split, np.nextafter(split, 9))
    )
    assert np.float32(split) == np.float32(np.nextafter(split, 9))
    assert (model.onnx_says(below) != model.onnx_says(above)).any()


@pytest.mark.parametrize("estimator", TREES)
def test_missing_values_go_the_way_that_training_chose(estimator):
    model = fitted(estimator)
    frame = examples().features.head(200)
    expected = []
    for name in frame.select_dtypes(float):
        lacking = frame.assign(**{name: np.nan})
        expected.append(model.says(lacking))
        assert np.abs(model.onnx_says(lacking) - expected[-1]).max() < 1e-12
    assert len({values.tobytes() for values in expected}) > 3


def test_categorical_splits_hold_for_known_unknown_and_missing_categories():
    model = fitted("ensemble.HistGradientBoostingClassifier", max_iter=60, min_samples_leaf=3)
    nodes = np.concatenate([tree.nodes for (tree,) in model.pipeline["estimator"]._predictors])
    categorical = nodes[(nodes["is_categorical"] == 1) & (nodes["is_leaf"] == 0)]
    assert set(categorical["missing_go_to_left"]) == {0, 1}
    values = pd.MultiIndex.from_product([["A", "B", "C", "Z", None], ["A", "seldom", None], ["A", "rare", "C", None]])
    frame = examples().features.iloc[np.arange(len(values)) * 7].reset_index(drop=True)
    frame[["carrier", "origin", "dest"]] = [list(row) for row in values]
    assert np.abs(model.onnx_says(frame) - model.says(frame)).max() < 1e-14


def test_a_tree_of_one_leaf_gives_its_value_for_every_row():
    model = fitted("tree.DecisionTreeRegressor", min_samples_leaf=790)
    assert model.pipeline["estimator"].tree_.node_count == 1
    frame = examples().features.head(3)
    assert model.onnx_says(frame).tolist() == model.says(frame).tolist()
