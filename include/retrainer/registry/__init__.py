"""Runs, models and versions in MLflow. The only package that imports it; its errors leave here as Retrainer's own."""

from retrainer.registry.archive import delete_files
from retrainer.registry.artifact import (
    CODE,
    LoadedModel,
    ModelFacts,
    load_model,
    model_files,
    own_code,
    read_facts,
    read_sample,
)
from retrainer.registry.client import Tracking, connect
from retrainer.registry.contents import content_digest, saved_content_digest
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
from retrainer.registry.trusted import trusted_types
from retrainer.registry.versions import (
    ARCHIVED,
    CHALLENGER,
    CHAMPION,
    DIGEST,
    PINNED,
    PREVIOUS,
    SHADOW,
    Version,
    Versions,
    VersionTags,
)

__all__ = [
    "ARCHIVED",
    "CHALLENGER",
    "CHAMPION",
    "CODE",
    "DIGEST",
    "IDENTITY",
    "PINNED",
    "PREVIOUS",
    "SHADOW",
    "LoadedModel",
    "ModelFacts",
    "RunRecord",
    "StoredModel",
    "Tracking",
    "Version",
    "VersionTags",
    "Versions",
    "connect",
    "content_digest",
    "delete_files",
    "download",
    "find_finished_run",
    "find_run",
    "load_model",
    "log_inputs",
    "log_results",
    "model_files",
    "own_code",
    "read_facts",
    "read_sample",
    "saved_content_digest",
    "start_run",
    "store_model",
    "trusted_types",
    "upload",
]
