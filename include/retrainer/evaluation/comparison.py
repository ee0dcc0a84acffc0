"""What a decision is about: two models on the same rows, and the artifact that would serve."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from retrainer.contracts import Interval, ServingRuntime
from retrainer.evaluation.metric import Predictions


@dataclass(frozen=True, slots=True)
class Comparison:
    """Holdout rows newer than either model has seen, and what both say of them.

    `label` (float64), `block` (what is drawn together, such as the day) and `features` (as both models are handed them)
    have one value or row a row. `champion_version` is None where the reference is the baseline rule; where it is the
    champion, `rule` is what the baseline rule says of the same rows, or None where it is not asked.
    """

    holdout: Interval
    label: NDArray[np.float64]
    block: NDArray[np.object_]
    features: pd.DataFrame
    challenger: Predictions
    reference: Predictions
    champion_version: int | None
    rule: Predictions | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """The challenger's artifact, loaded afresh: what would serve.

    `sample_inputs` and `sample_outputs` (float64) are rows and what it said of them when it was trained;
    `latencies_ms` (float64) the times of single predictions by `runtime`, or why there are none; `champion_inputs` a
    sample of what the champion is handed, None while there is none; `newest` the holdout's newest rows, as production
    sends them now.
    """

    pipeline: Pipeline
    sample_inputs: pd.DataFrame
    sample_outputs: NDArray[np.float64]
    size_bytes: int
    latencies_ms: NDArray[np.float64] | str
    champion_inputs: pd.DataFrame | None
    newest: pd.DataFrame
    runtime: ServingRuntime = "scikit-learn"


def reference_name(champion_version: int | None) -> str:
    """The reference of a comparison, in words."""
    return "the baseline rule" if champion_version is None else f"champion v{champion_version}"
