"""The report of an interval and its plots, where a browser finds them: an MLflow run for each interval monitored."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import StepRequest
from retrainer.errors import TrackingUnavailableError
from retrainer.registry import IDENTITY, Tracking, find_finished_run, start_run, upload
from retrainer.steps.tracking import connect_tracking

log = logging.getLogger(__name__)

PAGE = "monitoring.html"


@dataclass(frozen=True, slots=True)
class ReportRun:
    """Where the report of an interval is, or will be; `address` is empty where MLflow does not answer.

    `run_id` is that of a new run; None where nothing is to be kept.
    """

    address: str = ""
    tracking: Tracking | None = None
    run_id: str | None = None

    @property
    def is_new(self) -> bool:
        """Whether anything is to be kept."""
        return self.run_id is not None

    def keep(self, files: Mapping[str, str | bytes]) -> None:
        """Keep the page and what belongs to it, by name."""
        if self.tracking is None or self.run_id is None:
            return
        try:
            upload(self.tracking, self.run_id, files)
        except TrackingUnavailableError as error:
            log.warning("the report of this interval is not kept: %s", error)


@contextmanager
def report_run(request: StepRequest, settings: RuntimeSettings) -> Iterator[ReportRun]:
    """A run of the experiment `<model>__monitor` that ends with the block.

    The same request has one run, however often it is monitored: what is there stays. What is decided does not depend
    on who may look at it: where MLflow does not answer, there is no report.
    """
    experiment, identity = f"{request.model}__monitor", request.identity()
    with ExitStack() as stack:
        try:
            tracking = connect_tracking(settings)
            record = find_finished_run(tracking, experiment, identity)
            is_new = record is None
            if record is None:
                tags = {IDENTITY: identity, "retrainer.airflow_run": request.run_id}
                name = f"{request.interval.start:%Y-%m-%d}"
                record = stack.enter_context(start_run(tracking, experiment, name=name, tags=tags))
            address = tracking.artifact_url(record.experiment_id, record.run_id, PAGE)
            run = ReportRun(address, tracking, record.run_id if is_new else None)
        except TrackingUnavailableError as error:
            log.warning("there is no report of this interval: %s", error)
            run = ReportRun()
        yield run
