"""Every estimator that may be declared is exported and equals scikit-learn to the last digits, or says why not."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from retrainer.config.sklearn_names import ESTIMATORS
from retrainer.exporting.check import Expected
from retrainer.exporting.convert import export, to_onnx
from retrainer.exporting.graph import NotConvertibleError
from tests.unit.exporting.fitted import examples, fitted

NOT_CONVERTIBLE = {
    "dummy.DummyClassifier": "skl2onnx has no converter for DummyClassifier",
    "dummy.DummyRegressor": "skl2onnx has no converter for DummyRegressor",
    "neighbors.KNeighborsClassifier": "KNeighborsClassifier as ONNX looks at every row of the training to answer one",
    "neighbors.KNeighborsRegressor": "KNeighborsRegressor as ONNX looks at every row of the training to answer one",
}
CONVERTIBLE = sorted(name.removeprefix("sklearn.") for name in ESTIMATORS if name[8:] not in NOT_CONVERTIBLE)


def rows() -> pd.DataFrame:
    """Rows of the training, and some with values that were never seen."""
    seen = examples().features
    strange = seen.head(60).assign(carrier="never seen", origin=None, weather__temp=np.nan, distance=9.5)
    return pd.concat([seen, strange, seen.head(60).assign(dest="", weather__precip=-3.0)], ignore_index=True)


@pytest.mark.parametrize("estimator", CONVERTIBLE)
def test_it_says_what_scikit_learn_says(estimator):
    model = fitted(estimator)
    expected = model.says(rows())
    assert len(np.unique(expected)) > 1
    assert np.abs(model.onnx_says(rows()) - expected).max() <= 1e-12 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("estimator", CONVERTIBLE)
def test_the_same_model_gives_the_same_bytes(estimator):
    model = fitted(estimator)
    assert to_onnx(model.pipeline) == model.model_bytes
    assert fitted(estimator).model_bytes == model.model_bytes


@pytest.mark.parametrize(
    ("estimator", "parameters"),
    [
        ("ensemble.HistGradientBoostingRegressor", {"loss": "poisson", "max_iter": 10}),
        ("ensemble.HistGradientBoostingRegressor", {"loss": "gamma", "max_iter": 10}),
        ("ensemble.HistGradientBoostingRegressor", {"loss": "absolute_error", "max_iter": 10}),
        ("ensemble.HistGradientBoostingRegressor", {"loss": "quantile", "quantile": 0.7, "max_iter": 10}),
        ("ensemble.HistGradientBoostingClassifier", {"categorical_features": None, "max_iter": 10}),
        ("ensemble.HistGradientBoostingClassifier", {"categorical_features": [1, 2, 4], "max_iter": 10}),
        ("ensemble.HistGradientBoostingClassifier", {"max_leaf_nodes": 2, "min_samples_leaf": 300, "max_iter": 3}),
        ("ensemble.GradientBoostingClassifier", {"loss": "exponential", "n_estimators": 10}),
        ("ensemble.GradientBoostingClassifier", {"init": "zero", "n_estimators": 10}),
        ("ensemble.GradientBoostingRegressor", {"init": "zero", "n_estimators": 10}),
        ("ensemble.GradientBoostingRegressor", {"loss": "quantile", "n_estimators": 10}),
        ("ensemble.RandomForestRegressor", {"criterion": "poisson"}),
        ("ensemble.RandomForestClassifier", {"class_weight": "balanced", "max_depth": 3}),
        ("tree.DecisionTreeClassifier", {"max_depth": 1, "min_samples_leaf": 790}),
        ("linear_model.SGDClassifier", {"loss": "log_loss"}),
        ("linear_model.SGDClassifier", {"loss": "modified_huber"}),
        ("linear_model.SGDClassifier", {"loss": "perceptron"}),
        ("discriminant_analysis.LinearDiscriminantAnalysis", {"solver": "lsqr", "shrinkage": "auto"}),
        ("neural_network.MLPClassifier", {"activation": "tanh"}),
    ],
)
def test_parameters_that_change_the_formula_are_followed(estimator, parameters):
    model = fitted(estimator, **parameters)
    expected = model.says(rows())
    assert np.abs(model.onnx_says(rows()) - expected).max() <= 1e-12 * max(1.0, np.abs(expected).max())


@pytest.mark.parametrize("estimator", sorted(NOT_CONVERTIBLE))
def test_what_cannot_be_converted_is_a_reason_and_no_error(estimator):
    with pytest.raises(NotConvertibleError, match=NOT_CONVERTIBLE[estimator]):
        fitted(estimator)


def test_an_estimator_that_starts_from_another_is_a_reason_and_no_error():
    model = fitted("ensemble.GradientBoostingClassifier", n_estimators=3)
    model.pipeline["estimator"].init = RandomForestClassifier()
    expected = Expected(model.says(rows()), classifier=True, tolerance=1e-6, where="the saved sample")
    exported = export(model.pipeline, model.columns(rows()), expected)
    assert (exported.onnx, exported.check.runtime) == (None, "scikit-learn")
    assert exported.check.message == "GradientBoosting that starts from another estimator has no equal in ONNX"


def test_a_conversion_that_answers_otherwise_is_not_kept_and_the_difference_is_the_reason():
    model = fitted("linear_model.SGDClassifier")
    expected = Expected(1.0 - model.says(rows()), classifier=True, tolerance=1e-6, where="the saved sample")
    exported = export(model.pipeline, model.columns(rows()), expected)
    assert (exported.onnx, exported.check.runtime) == (None, "scikit-learn")
    assert exported.check.message.startswith("ONNX differs from scikit-learn by more than 1e-06 on")


def test_whatever_goes_wrong_in_a_conversion_is_a_reason_too():
    model = fitted("tree.DecisionTreeClassifier")
    expected = Expected(model.says(rows()), classifier=True, tolerance=1e-6, where="the saved sample")
    columns = model.columns(rows())
    del model.pipeline["estimator"].tree_
    exported = export(model.pipeline, columns, expected)
    assert exported.onnx is None
    assert exported.check.message.startswith("cannot be converted: AttributeError")
