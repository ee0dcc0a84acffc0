"""Runs, models and versions in MLflow. The only package that imports it; its errors leave here as Retrainer's own."""

from retrainer.registry.archive import delete_files
from retrainer.registry.client import Tracking, connect
from retrainer.registry.files import load_model, model_files
from retrainer.registry.runs import (
    IDENTITY,
    RunRecord,
    download,
    find_finished_run,
    find_run,
    log_inputs,
    log_results,
    start_run,
    upload,
)
from retrainer.registry.store import StoredModel, store_model
from retrainer.registry.versions import (
    ARCHIVED,
    CHALLENGER,
    CHAMPION,
    DIGEST,
    PINNED,
    PREVIOUS,
    RUNTIME,
    RUNTIME_NOTE,
    SHADOW,
    Version,
    Versions,
    VersionTags,
)

__all__ = [
    "ARCHIVED",
    "CHALLENGER",
    "CHAMPION",
    "DIGEST",
    "IDENTITY",
    "PINNED",
    "PREVIOUS",
    "RUNTIME",
    "RUNTIME_NOTE",
    "SHADOW",
    "RunRecord",
    "StoredModel",
    "Tracking",
    "Version",
    "VersionTags",
    "Versions",
    "connect",
    "delete_files",
    "download",
    "find_finished_run",
    "find_run",
    "load_model",
    "log_inputs",
    "log_results",
    "model_files",
    "start_run",
    "store_model",
    "upload",
]
