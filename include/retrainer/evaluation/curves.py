"""Curves of a model: its score as it learned, and its ROC, precision-recall and reliability on unseen rows."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve
from sklearn.pipeline import Pipeline

from retrainer.evaluation.metric import Predictions, predictions_of, scorer

_POINTS = 15
_ROWS = 5_000
_DRAWN = 200

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]
"""x and y (float64), one point an element."""


def learning_curve(
    metric: str, pipeline: Pipeline, features: pd.DataFrame, label: NDArray[np.float64]
) -> dict[int, float]:
    """Boosting step: the metric after it, at about 15 steps, on at most 5,000 evenly spaced rows.

    An estimator that does not learn in steps has one point, at step 0. Undefined values are left out.
    """
    rows = np.unique(np.linspace(0, len(label) - 1, min(_ROWS, len(label))).astype(int))
    some, target = features.iloc[rows], label[rows]
    score = scorer(metric)
    estimator = pipeline[-1]
    classifier = hasattr(estimator, "classes_")
    staged = getattr(estimator, "staged_predict_proba" if classifier else "staged_predict", None)
    if staged is None:
        outputs = [predictions_of(pipeline, some).output]
    else:
        outputs = [stage[:, 1] if classifier else stage for stage in staged(pipeline[:-1].transform(some))]
    steps = sorted({0, len(outputs) - 1, *np.linspace(0, len(outputs) - 1, _POINTS).astype(int).tolist()})
    values = {}
    for step in steps:
        output = np.asarray(outputs[step], dtype=np.float64)
        classes = (output > 0.5).astype(np.float64) if classifier else output
        values[step] = score(Predictions(output, classes, classifier), target)
    return {step: value for step, value in values.items() if np.isfinite(value)}


def classifier_curves(predictions: Predictions, label: NDArray[np.float64]) -> dict[str, Curve]:
    """`roc` (false positive rate, true positive rate), `precision_recall` (recall, precision), `reliability` (predicted
    probability, share that was 1, in ten bins of equal size), of at most 200 points each. `label` must hold both
    classes."""
    false_positive, true_positive, _ = roc_curve(label, predictions.output)
    precision, recall, _ = precision_recall_curve(label, predictions.output)
    observed, predicted = calibration_curve(label, predictions.output, n_bins=10, strategy="quantile")
    return {
        "roc": _thinned(false_positive, true_positive),
        "precision_recall": _thinned(recall, precision),
        "reliability": _thinned(predicted, observed),
    }


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> Curve:
    """At most 200 of the points, evenly spaced, both ends among them."""
    points = np.unique(np.linspace(0, len(x) - 1, min(_DRAWN, len(x))).astype(int))
    return x[points], y[points]
