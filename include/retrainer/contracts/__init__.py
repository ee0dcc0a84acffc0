"""Frozen JSON-safe values that pass between steps."""

from retrainer.contracts.base import Contract, UtcDatetime, canonical_json, digest_json
from retrainer.contracts.data import (
    Arrival,
    CheckResult,
    FeatureSet,
    Severity,
    StagedSnapshot,
    StagedTable,
    TableArrival,
    TableRef,
    ValidationReport,
)
from retrainer.contracts.interval import Interval, partition_key
from retrainer.contracts.ledger import Action, Entry, NewEntry
from retrainer.contracts.model import (
    Approval,
    Archive,
    Decision,
    Gate,
    Rebuild,
    RebuildCheck,
    Registration,
    Release,
    SliceResult,
    TrainedModel,
)
from retrainer.contracts.request import PIPELINE, STEP_NAMES, PipelineStep, StepName, StepRequest

__all__ = [
    "PIPELINE",
    "STEP_NAMES",
    "Action",
    "Approval",
    "Archive",
    "Arrival",
    "CheckResult",
    "Contract",
    "Decision",
    "Entry",
    "FeatureSet",
    "Gate",
    "Interval",
    "NewEntry",
    "PipelineStep",
    "Rebuild",
    "RebuildCheck",
    "Registration",
    "Release",
    "Severity",
    "SliceResult",
    "StagedSnapshot",
    "StagedTable",
    "StepName",
    "StepRequest",
    "TableArrival",
    "TableRef",
    "TrainedModel",
    "UtcDatetime",
    "ValidationReport",
    "canonical_json",
    "digest_json",
    "partition_key",
]
