"""The estimator, its parameters or the space to search them in."""

from typing import Annotated, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from retrainer.config.near_miss import one_of
from retrainer.config.section import Section
from retrainer.config.sklearn_names import ESTIMATORS


class Range(Section):
    """Numbers to search: both ends included, whole numbers where both ends are whole numbers."""

    low: int | float
    """Lowest value."""
    high: int | float
    """Highest value."""
    log: bool = False
    """Search the logarithm (both ends above zero)."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low {self.low} must be below high {self.high}")
        if self.log and self.low <= 0:
            raise ValueError(f"low {self.low} must be above 0 where log is true")
        return self


class Choices(Section):
    """Values to choose from."""

    choices: Annotated[tuple[str | int | float | bool | None, ...], Field(min_length=2)]
    """The values."""


class Search(Section):
    """A search for parameters by Optuna (TPE, seeded), scored on the last part of the training window."""

    trials: int = Field(ge=1, le=1000)
    """How many trials."""
    space: Annotated[dict[str, Range | Choices], Field(min_length=1)]
    """Parameter name: range or choices."""
    timeout_seconds: int | None = Field(default=None, ge=1, le=86_400)
    """No new trial starts after this long. Leave out for runs that can be repeated to the byte on any machine."""
    validation_share: float = Field(default=0.2, gt=0, lt=0.5)
    """Last share of the training window's intervals that trials are scored on."""


class Estimator(Section):
    """A scikit-learn estimator and its parameters."""

    type: str
    """Dotted path of a scikit-learn classifier or regressor."""
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    """Its constructor arguments. The seed is set for you where the estimator takes one."""
    search: Search | None = None
    """Search for better parameters; those found are laid over `parameters`."""

    @field_validator("type")
    @classmethod
    def _known(cls, value: str) -> str:
        return one_of(value, ESTIMATORS, what="estimator")

    @property
    def is_classifier(self) -> bool:
        """Is this a classifier (otherwise a regressor)?"""
        return ESTIMATORS[self.type] == "classifier"
