"""Saving a fitted pipeline to an MLflow run, as skops, with its own code and a sample to check it by."""

import importlib.metadata
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mlflow
import mlflow.artifacts
import mlflow.sklearn
import pandas as pd
import skops.io
from mlflow.environment_variables import MLFLOW_ALLOW_PICKLE_DESERIALIZATION
from mlflow.models import infer_signature
from sklearn.pipeline import Pipeline

from retrainer.registry.client import translated
from retrainer.saved import MODEL_FILE, Extra, check_types, digest_files, trusted_types, write_extra_files

_REQUIRED = ("numpy", "pandas", "scikit-learn", "skops")
_FURTHER = {"lightgbm": ("lightgbm",), "xgboost": ("xgboost", "xgboost-cpu")}
"""Top packages of estimators, with the distributions that they may come from."""


@dataclass(frozen=True, slots=True)
class StoredModel:
    """Where a model is, and SHA-256 over its files as MLflow gives them back."""

    uri: str
    digest: str


def store_model(pipeline: Pipeline, extra: Extra, *, run_id: str, code: Path) -> StoredModel:
    """Log a fitted pipeline to run `run_id` and read it back for its digest.

    `extra` is saved with it; its sample is where signature and input example come from too. `code` is the folder of
    the `models` package.

    Raises:
        TrackingUnavailableError: MLflow did not take the model.
        UnsafeArtifactError: the pipeline holds types that nobody reviewed.
    """
    facts = extra.facts
    _check_pipeline(pipeline, facts.feature_module)
    naive = _without_time_zone(extra.inputs)
    function = "predict_proba" if hasattr(pipeline, "predict_proba") else "predict"
    with (
        tempfile.TemporaryDirectory(prefix="retrainer-store-") as scratch,
        translated(f"storing the model of {run_id}"),
        _own_model_may_be_loaded(),
    ):
        files = write_extra_files(Path(scratch), extra)
        with mlflow.start_run(run_id=run_id, log_system_metrics=False):
            logged = mlflow.sklearn.log_model(
                pipeline,
                name=facts.model,
                serialization_format="skops",
                skops_trusted_types=list(trusted_types(facts.feature_module)),
                signature=infer_signature(naive, extra.outputs),
                input_example=naive.head(5),
                pip_requirements=_requirements(pipeline),
                code_paths=[str(code)],
                extra_files=[str(path) for path in files],
                pyfunc_predict_fn=function,
            )
        kept = mlflow.artifacts.download_artifacts(artifact_uri=logged.model_uri, dst_path=str(Path(scratch, "kept")))
        return StoredModel(str(logged.model_uri), digest_files(Path(kept)))


def _requirements(pipeline: Pipeline) -> list[str]:
    """What has to be installed to load the pipeline, pinned."""
    possible = [*_REQUIRED, *_FURTHER.get(type(pipeline["estimator"]).__module__.partition(".")[0], ())]
    installed = {each.name: each.version for each in importlib.metadata.distributions() if each.name in possible}
    return [f"{name}=={installed[name]}" for name in possible if name in installed]


@contextmanager
def _own_model_may_be_loaded() -> Iterator[None]:
    """MLflow serves the input example once to see that it works, and loads for that what it has just been given."""
    before = MLFLOW_ALLOW_PICKLE_DESERIALIZATION.get()  # type: ignore[no-untyped-call]
    MLFLOW_ALLOW_PICKLE_DESERIALIZATION.set(True)  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        MLFLOW_ALLOW_PICKLE_DESERIALIZATION.set(before)  # type: ignore[no-untyped-call]


def _without_time_zone(frame: pd.DataFrame) -> pd.DataFrame:
    """MLflow's signatures know no time zones: the same moments as UTC without one, which row_features reads alike."""
    aware = frame.select_dtypes(include=["datetimetz"]).columns
    return frame.assign(**{name: frame[name].dt.tz_convert("UTC").dt.tz_localize(None) for name in aware})


def _check_pipeline(pipeline: Pipeline, feature_module: str) -> None:
    with tempfile.TemporaryDirectory(prefix="retrainer-check-") as scratch:
        file = Path(scratch, MODEL_FILE)
        skops.io.dump(pipeline, file)
        check_types(file, feature_module)
