"""build_part: the features of one part of the windows, beside the tasks that build the others."""

import logging

from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import BuiltPart, FeaturePart, StepRequest, TableVersion, ValidationReport
from retrainer.snapshots import DataPlace, last_change
from retrainer.steps.build_features import replace_features
from retrainer.steps.inputs import declaration, part_of, result_of

log = logging.getLogger(__name__)


def run(request: StepRequest, settings: RuntimeSettings) -> BuiltPart:
    """Build the features of the request's part into the model's Delta feature table: only what changed.

    Commits of tasks that build other parts do not disturb.

    Raises:
        StoreConflictError: other writers kept replacing partitions of this part first.
    """
    config = declaration(request)
    report = result_of(request, "validate_data", ValidationReport)
    part = part_of(request, FeaturePart)
    uri = DataPlace(settings.data_uri, config.name).features()
    intervals = config.schedule.intervals(part.window.start, part.window.end)
    changed = replace_features(config, report.snapshot, intervals=intervals, uri=uri)
    version = last_change(uri, part.window)
    log.info("%d rows of the row table: %d partitions of features new, version %d", part.rows, changed, version)
    return BuiltPart(part=part, table=TableVersion(uri=uri, version=version))
