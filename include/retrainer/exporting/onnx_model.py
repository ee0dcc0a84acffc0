"""A model that was exported to ONNX, in memory. Imports neither pandas nor scikit-learn."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from retrainer.columns import Columns
from retrainer.errors import BadDataError, ConfigurationError, UnsafeArtifactError

MISSING_CATEGORY = "\ue000"
"""What a missing text is in ONNX, whose texts cannot be missing: a character that means nothing in any text."""

_KINDS = {"tensor(string)": "string", "tensor(double)": "double"}
_DTYPES = {"string": "O", "double": "d"}


class OnnxModel:
    """What follows on row_features in a model's pipeline, by ONNX Runtime on one thread.

    `inputs` are the columns that it reads, in order, each with its type: string or double.
    """

    def __init__(self, model: bytes | Path) -> None:
        """Load `model`.

        Raises:
            UnsafeArtifactError: ONNX Runtime cannot load it, or Retrainer did not export it.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what it has to say is in the errors that it raises
        source = model if isinstance(model, bytes) else str(model)
        try:
            self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise UnsafeArtifactError(f"ONNX Runtime cannot load the model: {error}") from error
        self.inputs = {each.name: _KINDS.get(each.type, each.type) for each in self._session.get_inputs()}
        outputs = [each.type for each in self._session.get_outputs()]
        if outputs != ["tensor(double)"] or not set(self.inputs.values()) <= set(_KINDS.values()):
            raise UnsafeArtifactError("the ONNX model was not exported by Retrainer: it has other inputs or outputs")
        self._outputs = [self._session.get_outputs()[0].name]

    def predict(self, columns: Columns) -> NDArray[np.float64]:
        """One number (float64) a row: the probability of class 1, or the value. `columns` are those that row_features
        was given and those that it made.

        Raises:
            BadDataError: a row has an infinite number, one too large for the estimator, or a broken text.
            ConfigurationError: a column is not there, or has another type.
        """
        try:
            given = {name: _tensor(name, columns[name], kind) for name, kind in self.inputs.items()}
        except KeyError as error:
            raise ConfigurationError(f"the model reads column {error}, which is not there") from error
        try:
            (output,) = self._session.run(self._outputs, given)
        except UnicodeEncodeError as error:
            raise BadDataError(f"a text is not valid Unicode: {error.reason}") from error
        bad = len(output) - np.count_nonzero(np.isfinite(output))
        if bad:
            raise BadDataError(f"{bad} of {len(output)} predictions are not finite numbers")
        answers: NDArray[np.float64] = output
        return answers


def _tensor(name: str, column: NDArray[Any], kind: str) -> NDArray[Any]:
    """A column as ONNX Runtime takes it, [rows, 1]."""
    if column.dtype.char != _DTYPES[kind]:
        raise ConfigurationError(f"the model reads column {name!r} as {kind}, got {column.dtype}")
    if kind == "string" and None in column.tolist():
        column = np.where(column == np.array(None), MISSING_CATEGORY, column)
    return column[:, np.newaxis]
