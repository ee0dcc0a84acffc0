"""Batch scoring: what a version says of every row of an interval, into a Delta table with a partition per interval."""

from retrainer.scoring.batches import Predict, ScoredTable, Scorer, Unscored, score
from retrainer.scoring.columns import Stamp
from retrainer.scoring.place import scored_uri
from retrainer.scoring.table import view_scored

__all__ = ["Predict", "ScoredTable", "Scorer", "Stamp", "Unscored", "score", "scored_uri", "view_scored"]
