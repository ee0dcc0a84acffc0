"""The declared rule: it answers where the model cannot, or must not."""

import importlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrainer.columns import Columns, Rule, rule_scores
from retrainer.config.declaration import ModelConfig
from retrainer.contracts import ServingSpec
from retrainer.errors import ConfigurationError
from retrainer.serving.load_own_code import load_own_code
from retrainer.serving.predictor import complete, finite, missing_values


class Fallback:
    """The rule that was saved with a version. It can be used from any thread."""

    def __init__(self, folder: Path | None, spec: ServingSpec) -> None:
        """Load `evaluation.baseline` of the declaration in `spec`, from the version in `folder` or else as installed.

        Raises:
            ConfigurationError: the module does not import, or has no `predict`.
        """
        config = ModelConfig.model_validate(spec.declaration)
        self._rule = _rule(folder, config.evaluation.baseline)
        self._is_classifier = config.estimator.is_classifier
        self._missing = missing_values(spec.fields)

    def predict(self, columns: Columns) -> NDArray[np.float64]:
        """One number (float64) a record; of a classifier, a probability.

        Raises:
            ConfigurationError: the rule does not give one number a record.
            BadDataError: one is not finite.
        """
        scores = finite(rule_scores(self._rule, complete(columns, self._missing)))
        return np.clip(scores, 0.0, 1.0) if self._is_classifier else scores


def _rule(folder: Path | None, module: str) -> Rule:
    try:
        loaded = load_own_code(folder, module) if folder is not None else importlib.import_module(module)
        rule = loaded.predict
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"module {module!r} does not give 'predict': {error}") from error
    if not callable(rule):
        raise ConfigurationError(f"{module}.predict must be a function, got {type(rule).__name__}")
    found: Rule = rule
    return found
