"""Loading a saved model: only by skops, only with types that were reviewed, only with its own code."""

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from retrainer.columns import RowFeatures
from retrainer.errors import ConfigurationError, UnsafeArtifactError
from retrainer.saved.digest import files_of
from retrainer.saved.extra import read_onnx, read_sample
from retrainer.saved.facts import ModelFacts, read_facts
from retrainer.saved.own_code import own_code
from retrainer.saved.trusted import check_types, trusted_types

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

MODEL_FILE = "model.skops"


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A pipeline fresh from its files, its facts, a sample of rows with what it said of them when trained, the same
    model as ONNX where there is one, and the size of all of its files."""

    pipeline: "Pipeline"
    facts: ModelFacts
    sample_inputs: "pd.DataFrame"
    sample_outputs: NDArray[np.float64]
    onnx: bytes | None
    size_bytes: int

    @property
    def row_features(self) -> RowFeatures:
        """The function of the model's own code that is the first stage of its pipeline."""
        return row_features_of(self.pipeline)


def row_features_of(pipeline: "Pipeline") -> RowFeatures:
    """The function of a model's own code that is the first stage of its pipeline."""
    function: RowFeatures = pipeline["row_features"].kw_args["row_features"]
    return function


def load_saved(folder: Path) -> LoadedModel:
    """Load the model in `folder`, whose digest was checked before.

    Raises:
        UnsafeArtifactError: it holds types that nobody reviewed, or no pipeline.
        ConfigurationError: the library of its estimator is not installed.
    """
    facts = read_facts(folder)
    with own_code(folder, facts.feature_module):
        pipeline = _load_pipeline(folder / MODEL_FILE, facts.feature_module)
    inputs, outputs = read_sample(folder)
    size = sum(path.stat().st_size for path in files_of(folder))
    return LoadedModel(pipeline, facts, inputs, outputs, read_onnx(folder), size)


def _load_pipeline(file: Path, feature_module: str) -> "Pipeline":
    import skops.io
    from sklearn.pipeline import Pipeline

    check_types(file, feature_module)
    importlib.import_module(feature_module)
    try:
        pipeline = skops.io.load(file, trusted=list(trusted_types(feature_module)))
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{file.name} needs {error.name}, which is not installed here", hint="Install retrainer[boosting]."
        ) from error
    if not isinstance(pipeline, Pipeline):
        raise UnsafeArtifactError(f"{file.name} holds a {type(pipeline).__name__}, not a scikit-learn Pipeline")
    return pipeline
