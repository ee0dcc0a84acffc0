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
from retrainer.contracts.model import Action, Decision, Gate, Registration, Release, TrainedModel
from retrainer.contracts.request import STEP_NAMES, StepName, StepRequest

__all__ = [
    "STEP_NAMES",
    "Action",
    "Arrival",
    "CheckResult",
    "Contract",
    "Decision",
    "FeatureSet",
    "Gate",
    "Interval",
    "Registration",
    "Release",
    "Severity",
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
