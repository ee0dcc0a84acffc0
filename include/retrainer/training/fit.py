"""Fitting one pipeline on one set of examples."""

from collections.abc import Mapping

import numpy as np
from pydantic import JsonValue
from sklearn.pipeline import Pipeline

from retrainer.config.declaration import ModelConfig
from retrainer.errors import BadDataError, ConfigurationError
from retrainer.training.boosting import fit_arguments, nothing_passed_over
from retrainer.training.pipeline import build_pipeline
from retrainer.training.split import Examples


def check_examples(config: ModelConfig, examples: Examples) -> None:
    """Are these examples fit to learn from?

    Raises:
        BadDataError: there are too few rows, or a classifier would see one class only.
    """
    if len(examples) < config.windows.min_training_rows:
        raise BadDataError(
            f"training window has {len(examples)} labelled rows, "
            f"at least {config.windows.min_training_rows} are needed (windows.min_training_rows)"
        )
    if config.estimator.is_classifier and len(np.unique(examples.label)) < 2:
        raise BadDataError(f"training window has one class only: every label is {examples.label[0]:g}")


def fit(config: ModelConfig, examples: Examples, *, parameters: Mapping[str, JsonValue]) -> Pipeline:
    """A fitted pipeline. The same configuration, examples and parameters give the same predictions to the byte.

    Raises:
        ConfigurationError: a feature column is missing from row_features' result, or a parameter is refused.
        BadDataError: scikit-learn refuses the values.
    """
    pipeline = build_pipeline(config, parameters=parameters)
    label = examples.label.astype(np.int64) if config.estimator.is_classifier else examples.label
    produced = pipeline["row_features"].fit_transform(examples.features.head(50))
    missing = [name for name in (*config.features.categorical, *config.features.numeric) if name not in produced]
    if missing:
        raise ConfigurationError(
            f"row_features of {config.features.module} does not make {', '.join(missing)} "
            f"(it makes: {', '.join(produced)})"
        )
    try:
        with nothing_passed_over(config, pipeline):
            return pipeline.fit(examples.features, label, **fit_arguments(config))
    except ValueError as error:
        raise BadDataError(f"{config.estimator.type} cannot be fitted: {error}") from error
