"""Data Docs where a browser finds them: an MLflow run for each validation, beside the copy under the data folder."""

import logging

from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import StepRequest
from retrainer.errors import TrackingUnavailableError
from retrainer.registry import find_finished_run, log_results, start_run, upload
from retrainer.registry.runs import IDENTITY
from retrainer.steps.tracking import connect_tracking

log = logging.getLogger(__name__)

_PAGE = "data_docs.html"


def show_docs(request: StepRequest, settings: RuntimeSettings, *, page: str, quality: float) -> str:
    """Keep `page` (HTML) in the experiment `<model>__data`; its address in the MLflow UI.

    The same request has one run, however often it is validated. Where MLflow does not answer, the address is empty:
    the verdict does not depend on who may look at it.
    """
    experiment, identity = f"{request.model}__data", request.identity()
    try:
        tracking = connect_tracking(settings)
        record = find_finished_run(tracking, experiment, identity)
        if record is None:
            tags = {IDENTITY: identity, "retrainer.airflow_run": request.run_id}
            with start_run(tracking, experiment, name=f"{request.as_of:%Y-%m-%d}", tags=tags) as record:
                upload(tracking, record.run_id, {_PAGE: page})
                log_results(tracking, record.run_id, metrics={"quality": quality})
        return tracking.artifact_url(record.experiment_id, record.run_id, _PAGE)
    except TrackingUnavailableError as error:
        log.warning("the Data Docs are only in the data folder: %s", error)
        return ""
