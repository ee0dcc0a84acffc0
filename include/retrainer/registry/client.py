"""The connection to the MLflow tracking server, with bounded waiting, and the translation of its errors."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import mlflow
import requests
from mlflow import MlflowClient
from mlflow.environment_variables import (
    MLFLOW_ALLOW_PICKLE_DESERIALIZATION,
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR,
    MLFLOW_HTTP_REQUEST_MAX_RETRIES,
    MLFLOW_HTTP_REQUEST_TIMEOUT,
)
from mlflow.exceptions import MlflowException

from retrainer.errors import TrackingUnavailableError


@dataclass(frozen=True, slots=True)
class Tracking:
    """A client of the tracking server at `uri`."""

    uri: str
    client: MlflowClient

    def run_url(self, experiment_id: str, run_id: str) -> str:
        """Page of a run in the MLflow UI."""
        return f"{self.uri}/#/experiments/{experiment_id}/runs/{run_id}"

    def artifact_url(self, experiment_id: str, run_id: str, path: str) -> str:
        """Page of one artifact of a run in the MLflow UI."""
        return f"{self.run_url(experiment_id, run_id)}/artifacts/{path}"

    def version_url(self, name: str, version: int) -> str:
        """Page of a model version in the MLflow UI."""
        return f"{self.uri}/#/models/{name}/versions/{version}"


def connect(uri: str, *, timeout_seconds: int, retries: int) -> Tracking:
    """A client of the server at `uri`. A request waits at most `timeout_seconds` and is tried again `retries` times.

    MLflow reads these limits from process-wide settings, so they hold for the whole process, as does the ban on pickle.
    """
    limits = {
        MLFLOW_HTTP_REQUEST_TIMEOUT: timeout_seconds,
        MLFLOW_HTTP_REQUEST_MAX_RETRIES: retries,
        MLFLOW_ALLOW_PICKLE_DESERIALIZATION: False,
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR: False,
    }
    for setting, value in limits.items():
        setting.set(value)  # type: ignore[no-untyped-call]
    # It warns on each model that an environment made by uv has no pip.
    logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return Tracking(uri.rstrip("/"), MlflowClient(tracking_uri=uri, registry_uri=uri))


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Errors of MLflow, its HTTP client and its artifact store, as TrackingUnavailableError that says what was being
    done."""
    try:
        yield
    except Exception as error:
        if not isinstance(error, (MlflowException, requests.RequestException, OSError, *_artifact_store_errors())):
            raise
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TrackingUnavailableError(f"MLflow failed while {doing}: {first_line}") from error


def _artifact_store_errors() -> tuple[type[Exception], ...]:
    """What the S3 client raises that is no OSError. Where MLflow has not loaded it, it cannot have raised anything."""
    errors = sys.modules.get("botocore.exceptions")
    return (errors.BotoCoreError, errors.ClientError) if errors else ()
