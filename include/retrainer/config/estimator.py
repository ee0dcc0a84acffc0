"""The estimator, its parameters or the space to search them in."""

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import BeforeValidator, Discriminator, Field, JsonValue, Tag, field_validator, model_validator

from retrainer.config.estimators import ESTIMATORS, PARAMETERS
from retrainer.config.near_miss import one_of, shown, unknown
from retrainer.config.section import Flag, Mistake, Real, Scalar, Section, Whole, refuse


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"must be a number, got {shown(value)}")
    return value


Number = Annotated[int | float, BeforeValidator(_number)]


class Range(Section):
    """Numbers to search: both ends included, whole numbers where both ends are whole numbers."""

    low: Number
    """Lowest value."""
    high: Number
    """Highest value."""
    log: Flag = False
    """Search the logarithm (both ends above zero)."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low >= self.high:
            refuse("Range", [(("low",), f"must be below high, {self.high}, got {self.low}")])
        if self.log and self.low <= 0:
            refuse("Range", [(("low",), f"must be above 0 where log is true, got {self.low}")])
        return self


class Choices(Section):
    """Values to choose from."""

    choices: Annotated[tuple[Scalar, ...], Field(min_length=2)]
    """The values."""


def _kind(value: object) -> str:
    return "Choices" if isinstance(value, Choices) or (isinstance(value, dict) and "choices" in value) else "Range"


Dimension = Annotated[Annotated[Range, Tag("Range")] | Annotated[Choices, Tag("Choices")], Discriminator(_kind)]
"""One parameter's part of the search space."""


class Search(Section):
    """A search for parameters by Optuna (TPE, seeded), scored on the last part of the training window."""

    trials: Whole = Field(ge=1, le=1000)
    """How many trials."""
    space: Annotated[dict[str, Dimension], Field(min_length=1)]
    """Parameter name: range or choices."""
    timeout_seconds: Whole | None = Field(default=None, ge=1, le=86_400)
    """No new trial starts after this long. Leave out for runs that can be repeated to the byte on any machine."""
    validation_share: Real = Field(default=0.2, gt=0, lt=0.5)
    """Last share of the training window's intervals that trials are scored on."""


class Estimator(Section):
    """An estimator of scikit-learn, LightGBM or XGBoost, and its parameters."""

    type: Annotated[str, Field(json_schema_extra={"enum": list(ESTIMATORS)})]
    """Dotted path of a classifier or regressor. Those of LightGBM and XGBoost need the extra `boosting`."""
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    """Its constructor arguments. The seed is set for you where the estimator takes one."""
    search: Search | None = None
    """Search for better parameters; those found are laid over `parameters`."""

    @field_validator("type")
    @classmethod
    def _known(cls, value: str) -> str:
        return one_of(value, ESTIMATORS, what="estimator")

    @model_validator(mode="after")
    def _parameters_exist(self) -> Self:
        refuse("Estimator", self._mistakes())
        return self

    def _mistakes(self) -> Iterator[Mistake]:
        allowed = PARAMETERS[self.type]
        what = f"parameter of {self.type.rpartition('.')[2]}"
        for name in self.parameters:
            message = unknown(name, allowed, what=what)
            if message:
                yield ("parameters", name), message
        for name in self.search.space if self.search else ():
            message = unknown(name, allowed, what=what)
            if message:
                yield ("search", "space", name), message

    @property
    def is_classifier(self) -> bool:
        """Is this a classifier (otherwise a regressor)?"""
        return ESTIMATORS[self.type] == "classifier"
