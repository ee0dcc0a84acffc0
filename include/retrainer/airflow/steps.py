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

PARTS: "Mapping[StepName, tuple[StepName, StepName]]" = {
    "build_features": ("plan_features", "build_part"),
    "score": ("plan_score", "score_part"),
}
"""Steps that mapped tasks do in parts, where the declaration says so: what plans the parts, and what does one."""

INPUTS: "Mapping[StepName, tuple[str, ...]]" = {
    "wait_for_data": (),
    "snapshot": ("wait_for_data",),
    "validate_data": ("snapshot",),
    "plan_features": ("validate_data",),
    "build_part": ("validate_data",),
    "build_features": ("validate_data", "build_part"),
    "train": ("build_features",),
    "compare": ("build_features", "train"),
    "register": ("validate_data", "build_features", "train", "compare"),
    "deploy": ("train", "compare", "register", "approve"),
    "plan_score": ("build_features",),
    "score_part": ("build_features",),
    "score": ("build_features", "score_part"),
    "monitor": ("build_features", "score"),
}
