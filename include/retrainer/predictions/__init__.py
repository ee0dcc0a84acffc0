"""The log of predictions: what a server answered, on disk within a second, and once in a Delta table.

The server needs only what is exported here, which is light. Collecting is in `collect` and `table`.
"""

from retrainer.predictions.batch import LoggedBatch
from retrainer.predictions.log import PredictionLog
from retrainer.predictions.place import log_folder, predictions_uri

__all__ = ["LoggedBatch", "PredictionLog", "log_folder", "predictions_uri"]
