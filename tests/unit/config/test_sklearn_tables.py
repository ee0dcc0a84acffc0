"""The lists of estimators, parameters and metrics against the scikit-learn that is installed."""

import importlib
import inspect

import numpy as np
import pytest
from sklearn.base import is_classifier, is_regressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import get_scorer, get_scorer_names

from retrainer.config.estimator import Estimator
from retrainer.config.sklearn_names import ESTIMATORS, METRICS
from retrainer.config.sklearn_parameters import PARAMETERS


def _constructor(estimator: str) -> type:
    module, _, name = estimator.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    assert isinstance(found, type)
    return found


def test_there_are_estimators_and_metrics_of_both_kinds() -> None:
    assert set(ESTIMATORS.values()) == {"classifier", "regressor"}
    assert set(METRICS.values()) == {"classifier", "regressor"}


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_an_estimator_is_a_class_of_the_kind_that_is_stated(estimator: str) -> None:
    made = _constructor(estimator)()

    assert is_classifier(made) == (ESTIMATORS[estimator] == "classifier")
    assert is_regressor(made) == (ESTIMATORS[estimator] == "regressor")


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_the_parameters_of_an_estimator_are_those_of_its_constructor(estimator: str) -> None:
    assert PARAMETERS[estimator] == set(inspect.signature(_constructor(estimator)).parameters)


def test_there_are_no_parameters_of_estimators_that_are_not_allowed() -> None:
    assert set(PARAMETERS) == set(ESTIMATORS)


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_is_a_scorer_that_works_for_the_kind_that_is_stated(metric: str) -> None:
    assert metric in get_scorer_names()
    features = np.arange(40, dtype=np.float64).reshape(-1, 1)
    label = np.tile([1.0, 2.0], 20)
    if METRICS[metric] == "classifier":
        model = DummyClassifier(strategy="stratified", random_state=0).fit(features, label == 2.0)
        score = get_scorer(metric)(model, features, label == 2.0)
    else:
        model = DummyRegressor().fit(features, label)
        score = get_scorer(metric)(model, features, label)

    assert np.isfinite(score)
    assert score <= (0 if metric.startswith("neg_") else 1)


@pytest.mark.parametrize("metric", METRICS)
def test_a_perfect_model_has_the_highest_value_of_a_metric(metric: str) -> None:
    # This is what the check of gates.min_value rests on.
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    features = np.arange(40, dtype=np.float64).reshape(-1, 1)
    label = np.tile([1.0, 2.0], 20)
    if METRICS[metric] == "classifier":
        score = get_scorer(metric)(DecisionTreeClassifier().fit(features, label == 2.0), features, label == 2.0)
    else:
        score = get_scorer(metric)(DecisionTreeRegressor().fit(features, label), features, label)

    assert score == pytest.approx(0 if metric.startswith("neg_") else 1, abs=1e-9)


def test_a_parameter_that_the_estimator_does_not_have_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match="unknown parameter of Ridge 'alfa'; did you mean 'alpha'"):
        Estimator(type="sklearn.linear_model.Ridge", parameters={"alfa": 1})
