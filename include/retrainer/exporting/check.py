"""Does the exported model say what scikit-learn says? Only then is it to serve."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from retrainer.columns import Columns
from retrainer.contracts import ExportCheck
from retrainer.errors import RetrainerError
from retrainer.exporting.onnx_model import OnnxModel

_THRESHOLD = 0.5
"""Above it a classifier chooses class 1."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What scikit-learn said of some rows (float64, one a row), and how far from it ONNX may be: probabilities
    absolutely, numbers relative to the largest one. `where` names the rows, such as "the holdout"."""

    outputs: NDArray[np.float64]
    classifier: bool
    tolerance: float
    where: str


def check_export(model: OnnxModel, columns: Columns, expected: Expected) -> ExportCheck:
    """Hold `model` against `expected` on rows after row_features.

    ONNX is to serve when every answer is within the tolerance, and every class the same. Rows whose probability is so
    close to one half that the tolerance reaches across it may fall on either side: they are counted and named.
    """
    try:
        found = model.predict(columns)
    except RetrainerError as error:
        return ExportCheck(runtime="scikit-learn", message=f"ONNX gives no answer on {expected.where}: {error}")
    apart = np.abs(found - expected.outputs) / _unit(expected)
    beyond = int(np.count_nonzero(apart > expected.tolerance))
    most = float(apart.max(initial=0.0))
    rows = f"{beyond:,} of {len(found):,}" if beyond else f"all {len(found):,}"
    verdict = "differs from scikit-learn by more than" if beyond else "equals scikit-learn within"
    return ExportCheck(
        runtime="scikit-learn" if beyond else "onnx",
        rows=len(found),
        max_difference=most,
        tolerance=expected.tolerance,
        message=f"ONNX {verdict} {expected.tolerance:g} on {rows} rows of {expected.where} (largest difference "
        f"{most:.2g}){_classes(found, expected)}",
    )


def _unit(expected: Expected) -> float:
    """What differences are measured in."""
    largest = float(np.abs(expected.outputs).max(initial=0.0))
    return 1.0 if expected.classifier or largest == 0.0 else largest


def _classes(found: NDArray[np.float64], expected: Expected) -> str:
    if not expected.classifier:
        return ""
    other = (found > _THRESHOLD) != (expected.outputs > _THRESHOLD)
    if not other.any():
        return "; the classes are the same"
    close = np.abs(expected.outputs - _THRESHOLD) <= expected.tolerance
    named = f"; rows of another class because they are closer than that to {_THRESHOLD}: {(other & close).sum():,}"
    further = int((other & ~close).sum())
    return f"{named}, for no such reason: {further:,}" if further else named
