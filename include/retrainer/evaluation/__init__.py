"""Is the challenger better? Scores on the same unseen rows, a paired interval of the difference, a decision in words."""

from retrainer.evaluation.bootstrap import PairedDifference, paired_difference
from retrainer.evaluation.decide import Comparison, decide
from retrainer.evaluation.metric import Predictions, predictions_of, rule_predictions

__all__ = [
    "Comparison",
    "PairedDifference",
    "Predictions",
    "decide",
    "paired_difference",
    "predictions_of",
    "rule_predictions",
]
