"""How challenger and champion are compared, and what a challenger must show."""

from typing import Annotated

from pydantic import Field, field_validator

from retrainer.config.near_miss import one_of
from retrainer.config.section import ModuleName, Real, Section, Whole
from retrainer.config.sklearn_names import METRICS


class Evaluation(Section):
    """How challenger and champion are compared."""

    metric: Annotated[str, Field(json_schema_extra={"enum": list(METRICS)})]
    """A scikit-learn scorer, larger is better, such as roc_auc or neg_mean_absolute_error."""
    confidence: Real = Field(default=0.9, ge=0.5, lt=1)
    """Confidence of the two-sided interval of the difference, 0.5 to 1."""
    resamples: Whole = Field(default=2000, ge=200, le=100_000)
    """Bootstrap resamples of the holdout's days."""
    baseline: ModuleName
    """Python module with `predict(frame) -> scores`: the rule that the first model has to beat."""

    @field_validator("metric")
    @classmethod
    def _known(cls, value: str) -> str:
        return one_of(value, METRICS, what="metric")


class Gates(Section):
    """What a challenger must show before it is deployed."""

    min_gain: Real = 0.0
    """The interval of (challenger - champion) must lie above this, in the metric's unit."""
    min_gain_over_baseline: Real = 0.0
    """For the first model: the interval of (challenger - baseline rule) must lie above this."""
    min_value: Real | None = None
    """The challenger's metric on the holdout must not be below this floor."""
