"""Is the challenger better? Scores on the same unseen rows, a paired interval, a decision in words."""

from retrainer.evaluation.bootstrap import PairedDifference, paired_difference
from retrainer.evaluation.canonical import canonical_failures
from retrainer.evaluation.comparison import Candidate, Comparison
from retrainer.evaluation.curves import Curve, classifier_curves, learning_curve
from retrainer.evaluation.decide import Verdict, decide, holdout_problem, reject
from retrainer.evaluation.drawing import (
    curve_svg,
    differences_svg,
    importance_svg,
    predicted_svg,
    residuals_svg,
    slices_svg,
)
from retrainer.evaluation.importance import Importance, column_importance
from retrainer.evaluation.latency import time_predictions
from retrainer.evaluation.metric import Predictions, predictions_of, rule_predictions

__all__ = [
    "Candidate",
    "Comparison",
    "Curve",
    "Importance",
    "PairedDifference",
    "Predictions",
    "Verdict",
    "canonical_failures",
    "classifier_curves",
    "column_importance",
    "curve_svg",
    "decide",
    "differences_svg",
    "holdout_problem",
    "importance_svg",
    "learning_curve",
    "paired_difference",
    "predicted_svg",
    "predictions_of",
    "reject",
    "residuals_svg",
    "rule_predictions",
    "slices_svg",
    "time_predictions",
]
