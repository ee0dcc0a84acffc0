"""What is watched of a model: the columns that its estimator gets, its predictions, and the labels as they come."""

from dataclasses import dataclass
from typing import Literal

from retrainer.config.declaration import ModelConfig
from retrainer.contracts.columns import LABEL
from retrainer.contracts.monitoring import About

Kind = Literal["number", "category"]

PREDICTION = "prediction"


@dataclass(frozen=True, slots=True)
class WatchedColumn:
    """A column, how it is compared, and what it is about."""

    name: str
    kind: Kind
    about: About


def watched_columns(config: ModelConfig) -> tuple[WatchedColumn, ...]:
    """The estimator's columns that are not ignored, then `prediction` and `label`.

    The label of a classifier is a category, that of a regressor a number.
    """
    features: list[tuple[str, Kind]] = [(name, "category") for name in config.features.categorical]
    features += [(name, "number") for name in config.features.numeric]
    ignored = config.monitoring.drift.ignore
    label: Kind = "category" if config.estimator.is_classifier else "number"
    return (
        *(WatchedColumn(name, kind, "feature") for name, kind in features if name not in ignored),
        WatchedColumn(PREDICTION, "number", "prediction"),
        WatchedColumn(LABEL, label, "label"),
    )
