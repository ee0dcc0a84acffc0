"""Batch scoring: what a version says of every row of an interval, into a Delta table with a partition per interval."""

from retrainer.scoring.batches import Predict, ScoredTable, Scorer, Unscored, score
from retrainer.scoring.columns import Stamp
from retrainer.scoring.parts import PartFile, commit_parts, is_scored, write_part
from retrainer.scoring.place import scored_uri
from retrainer.scoring.table import view_scored

__all__ = [
    "PartFile",
    "Predict",
    "ScoredTable",
    "Scorer",
    "Stamp",
    "Unscored",
    "commit_parts",
    "is_scored",
    "score",
    "scored_uri",
    "view_scored",
    "write_part",
]
