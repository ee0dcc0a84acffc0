"""Do the outputs mean what they say? Probabilities against shares of ones; a regressor's mean against the label's."""

import numpy as np
from numpy.typing import NDArray

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Gate
from retrainer.evaluation.metric import Predictions

_BINS = 10


def calibration_gate(config: ModelConfig, predictions: Predictions, label: NDArray[np.float64]) -> Gate | None:
    """The calibration error on the holdout is not above `max_calibration_error`; None where that is null."""
    most = config.gates.max_calibration_error
    if most is None:
        return None
    problem = _problem(predictions, label)
    if problem:
        return Gate(name="calibration", passed=False, threshold=most, message=f"cannot be computed: {problem}")
    if predictions.classifier:
        error, what = expected_calibration_error(predictions.output, label), "expected calibration error"
    else:
        error = abs(float(np.mean(predictions.output - label))) / float(np.std(label))
        what = "mean error in standard deviations of the label,"
    passed = error <= most
    message = f"{what} {error:.4f} is {'at or below' if passed else 'above'} {most:g}"
    return Gate(name="calibration", passed=passed, value=error, threshold=most, message=message)


def expected_calibration_error(probability: NDArray[np.float64], label: NDArray[np.float64]) -> float:
    """Mean distance between probability and share of ones, over ten bins cut at the deciles of `probability`.

    Bins are weighted by their rows; equal probabilities share a bin (Naeini, Cooper & Hauskrecht 2015).
    """
    edges = np.quantile(probability, np.arange(1, _BINS) / _BINS)
    bins = np.searchsorted(edges, probability, side="left")
    gaps = np.bincount(bins, weights=probability - label, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(label))


def _problem(predictions: Predictions, label: NDArray[np.float64]) -> str:
    if not predictions.probabilities:
        return "this classifier gives no probabilities; set gates.max_calibration_error to null"
    if not predictions.classifier and not np.std(label) > 0:
        return f"every label is {label[0]:g}"
    return ""
