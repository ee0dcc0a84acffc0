"""Runs, models and versions in MLflow. The only package that imports it; its errors leave here as Retrainer's own."""

from retrainer.registry.artifact import LoadedModel, ModelFacts, load_model
from retrainer.registry.client import Tracking, connect
from retrainer.registry.runs import RunRecord, find_finished_run, log_inputs, log_results, start_run, upload
from retrainer.registry.store import StoredModel, store_model
from retrainer.registry.trusted import trusted_types
from retrainer.registry.versions import CHALLENGER, CHAMPION, DIGEST, PREVIOUS, Version, Versions, VersionTags

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "DIGEST",
    "PREVIOUS",
    "LoadedModel",
    "ModelFacts",
    "RunRecord",
    "StoredModel",
    "Tracking",
    "Version",
    "VersionTags",
    "Versions",
    "connect",
    "find_finished_run",
    "load_model",
    "log_inputs",
    "log_results",
    "start_run",
    "store_model",
    "trusted_types",
    "upload",
]
