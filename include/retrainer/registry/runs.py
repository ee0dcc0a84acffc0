"""MLflow runs: one for each training, found again by the identity of its request."""

import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlflow.data.delta_dataset_source import DeltaDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import DatasetInput, InputTag, Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode
from pydantic import JsonValue

from retrainer.contracts import TableRef, canonical_json
from retrainer.registry.client import Tracking, translated

log = logging.getLogger(__name__)

IDENTITY = "retrainer.identity"
_MAX_PARAM = 5900
"""MLflow refuses parameter values of more than 6,000 characters."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run, where to see it, and what was logged of it as texts."""

    run_id: str
    experiment_id: str
    url: str
    tags: Mapping[str, str]
    parameters: Mapping[str, str]


def find_finished_run(tracking: Tracking, model: str, identity: str, *, tag: str = IDENTITY) -> RunRecord | None:
    """The run that finished this very request before, if there is one. Runs of it that were killed are marked so.

    `tag` is one that it has to carry: `store_model` leaves a run FINISHED, whatever was still to be logged to it.
    """
    with translated(f"looking for runs of {model}"):
        experiment = tracking.client.get_experiment_by_name(model)
        if experiment is None:
            return None
        runs = tracking.client.search_runs([experiment.experiment_id], f"tags.`{IDENTITY}` = '{identity}'")
        for run in runs:
            if run.info.status == "RUNNING":
                tracking.client.set_terminated(run.info.run_id, "KILLED")
        finished = [run for run in runs if run.info.status == "FINISHED" and tag in run.data.tags]
    return _record(tracking, finished[-1]) if finished else None


@contextmanager
def start_run(tracking: Tracking, model: str, *, name: str, tags: Mapping[str, str]) -> Iterator[RunRecord]:
    """A new run in the experiment `model`: FINISHED when the block ends, FAILED when it raises."""
    with translated(f"starting a run of {model}"):
        run = tracking.client.create_run(_experiment(tracking, model), run_name=name, tags=dict(tags))
    try:
        yield _record(tracking, run)
    except BaseException:
        try:
            tracking.client.set_terminated(run.info.run_id, "FAILED")
        except (MlflowException, OSError) as error:
            log.warning("run %s could not be marked as failed: %s", run.info.run_id, error)
        raise
    with translated(f"finishing run {run.info.run_id}"):
        tracking.client.set_terminated(run.info.run_id, "FINISHED")


def log_results(
    tracking: Tracking,
    run_id: str,
    *,
    parameters: Mapping[str, JsonValue] | None = None,
    metrics: Mapping[str, float] | None = None,
    curve: tuple[str, Mapping[int, float]] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Parameters, metrics, one learning curve (name, step: value) and tags in one request."""
    points = [Metric(key, value, 0, 0) for key, value in (metrics or {}).items()]
    if curve is not None:
        points += [Metric(curve[0], value, 0, step) for step, value in curve[1].items()]
    with translated(f"logging to run {run_id}"):
        tracking.client.log_batch(
            run_id,
            metrics=points,
            params=[Param(key, _text(value)) for key, value in (parameters or {}).items()],
            tags=[RunTag(key, value) for key, value in (tags or {}).items()],
        )


def log_inputs(tracking: Tracking, run_id: str, tables: Mapping[str, TableRef]) -> None:
    """The data of a run, by what they were used for: the Delta table, its version and the digest of its rows."""
    inputs = []
    for context, ref in tables.items():
        source = DeltaDatasetSource(path=ref.uri, delta_table_version=ref.version)
        dataset = MetaDataset(source=source, name=ref.table, digest=ref.digest[:36])  # type: ignore[abstract]
        entity = dataset._to_mlflow_entity()  # the public way logs to the active run only
        inputs.append(DatasetInput(entity, [InputTag("mlflow.data.context", context)]))
    with translated(f"logging the data of run {run_id}"):
        tracking.client.log_inputs(run_id, datasets=inputs)


def upload(tracking: Tracking, run_id: str, files: Mapping[str, str | bytes]) -> None:
    """Artifacts of a run, by path."""
    with tempfile.TemporaryDirectory(prefix="retrainer-upload-") as scratch:
        for name, content in files.items():
            path = Path(scratch, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        with translated(f"uploading to run {run_id}"):
            tracking.client.log_artifacts(run_id, scratch)


def find_run(tracking: Tracking, run_id: str) -> RunRecord | None:
    """The run of that id; None if there is none."""
    with translated(f"reading run {run_id}"):
        try:
            return _record(tracking, tracking.client.get_run(run_id))
        except MlflowException as error:
            if error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                return None
            raise


def download(tracking: Tracking, run_id: str, path: str) -> bytes | None:
    """One artifact of a run; None if it has no such artifact."""
    with tempfile.TemporaryDirectory(prefix="retrainer-download-") as scratch, translated(f"downloading {path}"):
        folder = path.rpartition("/")[0] or None
        if path not in {item.path for item in tracking.client.list_artifacts(run_id, folder)}:
            return None
        return Path(tracking.client.download_artifacts(run_id, path, scratch)).read_bytes()


def _experiment(tracking: Tracking, name: str) -> str:
    experiment = tracking.client.get_experiment_by_name(name)
    if experiment is not None:
        return str(experiment.experiment_id)
    try:
        return str(tracking.client.create_experiment(name))
    except MlflowException:  # another process made it in between
        experiment = tracking.client.get_experiment_by_name(name)
        if experiment is None:
            raise
        return str(experiment.experiment_id)


def _record(tracking: Tracking, run: Run) -> RunRecord:
    url = tracking.run_url(run.info.experiment_id, run.info.run_id)
    return RunRecord(run.info.run_id, run.info.experiment_id, url, dict(run.data.tags), dict(run.data.params))


def _text(value: JsonValue) -> str:
    return (value if isinstance(value, str) else canonical_json(value))[:_MAX_PARAM]
