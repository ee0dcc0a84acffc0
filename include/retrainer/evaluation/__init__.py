"""Is the challenger better? Scores on the same unseen rows, a paired interval, a decision in words."""

from retrainer.evaluation.bootstrap import PairedDifference, paired_difference
from retrainer.evaluation.curves import Curve, classifier_curves, learning_curve
from retrainer.evaluation.decide import Comparison, decide, holdout_problem, reject
from retrainer.evaluation.drawing import draw_curves
from retrainer.evaluation.metric import Predictions, predictions_of, rule_predictions

__all__ = [
    "Comparison",
    "Curve",
    "PairedDifference",
    "Predictions",
    "classifier_curves",
    "decide",
    "draw_curves",
    "holdout_problem",
    "learning_curve",
    "paired_difference",
    "predictions_of",
    "reject",
    "rule_predictions",
]
