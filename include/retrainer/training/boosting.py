"""What LightGBM and XGBoost have to be told so that they learn like the other estimators: the same from the same rows,
with the declared categories, and with nothing that was declared passed over."""

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from retrainer.config.declaration import ModelConfig
from retrainer.errors import BadDataError, ConfigurationError

_PLACE = re.compile(r"^\[[\d:]+\] (WARNING: )?\S+:\d+: | at /\S+, line \d+ \.")
_PASSED_OVER = ("are not used", "Device is changed", "No visible GPU")
"""Parts of XGBoost's warnings that it goes on without something that it was asked for."""


def library_of(config: ModelConfig) -> str:
    """The library of the declared estimator, such as `lightgbm`."""
    return config.estimator.type.partition(".")[0]


def own_arguments(config: ModelConfig, given: Mapping[str, object]) -> dict[str, object]:
    """Constructor arguments that are not left to these libraries; `given` are those of the declaration.

    Both write the number of threads into the model, XGBoost's sums depend on it, and threads that share their cores
    with other processes wait for each other: it is one unless declared.

    Raises:
        ConfigurationError: a declared value does not go with the encoding of the features.
    """
    match library_of(config):
        case "lightgbm":
            layout = {} if {"force_row_wise", "force_col_wise"} & set(given) else {"force_row_wise": True}
            return {"n_jobs": 1, **layout, "deterministic": True, "verbosity": -1}
        case "xgboost":
            columns = [*("c" for _ in config.features.categorical), *("q" for _ in config.features.numeric)]
            if given.get("booster") == "gblinear":  # it takes a category's code for a number, and what is missing for 0
                raise ConfigurationError("estimator.parameters: booster must be 'gbtree' or 'dart', got 'gblinear'")
            return {"n_jobs": 1, "enable_categorical": True, "feature_types": columns, "verbosity": 1}
        case _:
            return {}


def fit_arguments(config: ModelConfig) -> dict[str, object]:
    """Arguments of the pipeline's `fit` besides the examples."""
    if library_of(config) != "lightgbm" or not config.features.categorical:
        return {}
    return {"estimator__categorical_feature": list(range(len(config.features.categorical)))}


@contextmanager
def nothing_passed_over(config: ModelConfig, pipeline: Pipeline) -> Iterator[None]:
    """Around the fitting of `pipeline`.

    Raises:
        ConfigurationError: the library has no use for a declared parameter, or no such device.
        BadDataError: the library refuses the values.
    """
    library = library_of(config)
    if library not in ("lightgbm", "xgboost"):
        yield
        return
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            yield
        except Exception as error:
            if type(error).__module__.partition(".")[0] != library:
                raise
            raise _refused(config, error) from error
    ignored = [str(warning.message) for warning in said if any(part in str(warning.message) for part in _PASSED_OVER)]
    if ignored:
        raise ConfigurationError(f"estimator.parameters of {config.estimator.type}: {_sentence(ignored[0])}")
    _check_device(config, pipeline["estimator"])


def _refused(config: ModelConfig, error: Exception) -> ConfigurationError | BadDataError:
    message = _sentence(str(error))
    if any(word in message for word in ("CUDA", "GPU", "OpenCL")):
        return ConfigurationError(
            f"estimator.parameters of {config.estimator.type}: {message}",
            hint="The libraries in the lock compute on the CPU. Install a build for the GPU, or leave the device out.",
        )
    return BadDataError(f"{config.estimator.type} cannot be fitted: {message}")


def _check_device(config: ModelConfig, estimator: BaseEstimator) -> None:
    """XGBoost falls back to the CPU where there is no GPU: what it did is in the fitted model."""
    if library_of(config) != "xgboost":
        return
    wanted = str(estimator.get_params().get("device") or "cpu")
    used = json.loads(estimator.get_booster().save_config())["learner"]["generic_param"]["device"]
    if wanted.partition(":")[0] != used.partition(":")[0]:
        raise ConfigurationError(
            f"estimator.parameters: device must be one that is there, got {wanted!r}, and XGBoost computed on {used!r}",
            hint="xgboost-cpu, which is in the lock, computes on the CPU. Install xgboost, on a machine with a GPU.",
        )


def _sentence(message: str) -> str:
    """The message's first lines without the time and the place in the library's source."""
    lines = [line.strip() for line in _PLACE.sub("", message).splitlines() if line.strip()]
    return " ".join(lines[:2]) or "no reason given"
