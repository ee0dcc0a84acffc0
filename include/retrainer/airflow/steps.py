"""The steps of a run in their order, and the results that each builds on. Light: every parse of a DAG file reads it.

Training, scoring and monitoring begin with the same steps.

`approve` is a task and no step: a person's answer, where the declaration asks for one.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrainer.contracts import StepName

DATA_STEPS: "tuple[StepName, ...]" = ("wait_for_data", "snapshot", "validate_data", "build_features")
MODEL_STEPS: "tuple[StepName, ...]" = ("train", "compare", "register", "deploy")

INPUTS: "Mapping[StepName, tuple[str, ...]]" = {
    "wait_for_data": (),
    "snapshot": ("wait_for_data",),
    "validate_data": ("snapshot",),
    "build_features": ("validate_data",),
    "train": ("build_features",),
    "compare": ("build_features", "train"),
    "register": ("validate_data", "build_features", "train", "compare"),
    "deploy": ("train", "compare", "register", "approve"),
    "score": ("build_features",),
    "monitor": ("build_features", "score"),
}
