"""Any scikit-learn scorer on predictions that were made once: resampling rows never predicts again."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics import get_scorer
from sklearn.pipeline import Pipeline

from retrainer.errors import BadDataError

Score = Callable[["Predictions", NDArray[np.float64]], float]


@dataclass(frozen=True, slots=True)
class Predictions:
    """What one model says of some rows, one value a row.

    `output` (float64): the value of a regressor, or a classifier's probability of class 1. `classes` (float64, 0 or 1):
    the classifier's own choice; for a regressor the same as `output`. `probabilities` is false where a classifier gives
    none and `output` is its decision function squashed.
    """

    output: NDArray[np.float64]
    classes: NDArray[np.float64]
    classifier: bool
    probabilities: bool = True

    def take(self, rows: NDArray[np.intp]) -> "Predictions":
        """The predictions of `rows` (positions, repeats allowed)."""
        return Predictions(self.output[rows], self.classes[rows], self.classifier, self.probabilities)


def predictions_of(pipeline: Pipeline, features: pd.DataFrame) -> Predictions:
    """Predict `features` (one row an example) once.

    A binary classifier without predict_proba gives its decision function squashed to (0, 1).

    Raises:
        BadDataError: a prediction is not finite, or the classifier knows other classes than 0 and 1.
    """
    if not hasattr(pipeline, "classes_"):
        output = np.asarray(pipeline.predict(features), dtype=np.float64)
        return Predictions(_finite(output), output, classifier=False)
    classes = np.asarray(pipeline.classes_, dtype=np.float64)
    if classes.tolist() != [0.0, 1.0]:
        raise BadDataError(f"a classifier must know the classes 0 and 1, this one knows {classes.tolist()}")
    if hasattr(pipeline, "predict_proba"):
        output = np.asarray(pipeline.predict_proba(features), dtype=np.float64)[:, 1]
        return Predictions(_finite(output), (output > 0.5).astype(np.float64), classifier=True)
    margin = np.asarray(pipeline.decision_function(features), dtype=np.float64)
    output = _finite(1 / (1 + np.exp(-margin)))
    return Predictions(output, (margin > 0).astype(np.float64), classifier=True, probabilities=False)


def rule_predictions(scores: NDArray[np.float64], *, classifier: bool) -> Predictions:
    """The predictions of a baseline rule: `scores` as its `predict` returned them, one a row.

    Raises:
        BadDataError: a score is not finite, or for a classifier not within 0 and 1.
    """
    output = _finite(scores)
    if classifier and len(output) and (np.min(output) < 0 or np.max(output) > 1):
        raise BadDataError(f"the baseline rule must return probabilities, got {np.min(output):g} to {np.max(output):g}")
    return Predictions(output, (output > 0.5).astype(np.float64) if classifier else output, classifier)


def scorer(metric: str) -> Score:
    """The scikit-learn scorer `metric` as a function of (predictions, label); larger is better, NaN if undefined."""
    score = get_scorer(metric)

    def of_predictions(predictions: Predictions, label: NDArray[np.float64]) -> float:
        kind = _ReplayedClassifier if predictions.classifier else _ReplayedRegressor
        rows = np.arange(len(label)).reshape(-1, 1)
        target = label.astype(np.int64) if predictions.classifier else label
        try:
            return float(score(kind(predictions), rows, target))
        except ValueError:  # such as a Poisson deviance of predictions below 0
            return math.nan

    return of_predictions


class _Replayed(BaseEstimator):  # type: ignore[misc]
    """A fitted estimator whose answer for row i is the i-th of predictions made before."""

    def __init__(self, predictions: Predictions) -> None:
        self.predictions = predictions

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        return self.predictions.classes[rows[:, 0]]


class _ReplayedRegressor(RegressorMixin, _Replayed):  # type: ignore[misc]
    pass


class _ReplayedClassifier(ClassifierMixin, _Replayed):  # type: ignore[misc]
    classes_ = np.array([0, 1])

    def predict(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        return self.predictions.classes[rows[:, 0]].astype(np.int64)

    def predict_proba(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        positive = self.predictions.output[rows[:, 0]]
        return np.column_stack([1 - positive, positive])


def _finite(output: NDArray[np.float64]) -> NDArray[np.float64]:
    bad = int((~np.isfinite(output)).sum())
    if bad:
        raise BadDataError(f"{bad} of {len(output)} predictions are not finite numbers")
    return output
