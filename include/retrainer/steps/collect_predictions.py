"""collect_predictions: what the model server logged of a model, into the model's Delta table of predictions."""

import logging

from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import CollectedPredictions, StepRequest
from retrainer.predictions import log_folder, predictions_uri
from retrainer.predictions.collect import collect, discard
from retrainer.predictions.columns import logged_columns
from retrainer.snapshots import connect
from retrainer.steps.inputs import declaration

_LOG = logging.getLogger(__name__)


def run(request: StepRequest, settings: RuntimeSettings) -> CollectedPredictions:
    """Move every closed segment of the model's log into its table; nothing is there twice, however often this runs.

    Where the declaration says that predictions are not to be kept, the segments are deleted unread.

    Raises:
        BadDataError: the table has a column of the same name and another type. No segment is lost.
        StoreConflictError: another writer changed the table's columns in the meantime.
    """
    config = declaration(request)
    folder = log_folder(settings.home) / config.name
    uri = predictions_uri(settings.data_uri, config.name)
    if config.serving is not None and not config.serving.log_predictions:
        collected = discard(folder)
        _LOG.info("predictions of %s are not kept: %d segments deleted", config.name, collected.segments)
    else:
        with connect() as connection:
            collected = collect(folder, uri, logged_columns(config), connection=connection)
        _LOG.info("%d predictions from %d segments in %s", collected.rows, collected.segments, uri)
    return CollectedPredictions(
        uri=uri, rows=collected.rows, segments=collected.segments, torn_bytes=collected.torn_bytes
    )
