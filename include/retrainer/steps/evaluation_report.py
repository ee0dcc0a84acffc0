"""The evaluation report of a comparison: one page in the training's MLflow run."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Decision, TrainedModel
from retrainer.evaluation import Comparison
from retrainer.registry import LoadedModel, Tracking
from retrainer.training import Examples


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A decision and what it was made from; None for what there was no comparison to take from."""

    decision: Decision
    comparison: Comparison | None
    differences: NDArray[np.float64] | None
    """Challenger minus reference of each bootstrap resample."""
    challenger: LoadedModel | None
    rows: Examples | None


def publish(tracking: Tracking, config: ModelConfig, trained: TrainedModel, evaluated: Evaluated) -> str:
    """Keep the report in the training's run; its address in the MLflow UI."""
    return ""
