"""How challenger and champion are compared, and what a challenger must show."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from retrainer.config.near_miss import one_of
from retrainer.config.section import (
    ColumnName,
    ColumnNames,
    Mistake,
    ModuleName,
    Real,
    Scalar,
    Section,
    Text,
    Whole,
    refuse,
)
from retrainer.config.sklearn_names import METRICS


class Evaluation(Section):
    """How challenger and champion are compared."""

    metric: Annotated[str, Field(json_schema_extra={"enum": list(METRICS)})]
    """A scikit-learn scorer, larger is better, such as roc_auc or neg_mean_absolute_error."""
    confidence: Real = Field(default=0.9, ge=0.5, lt=1)
    """Confidence of the two-sided interval of the difference, 0.5 to 1: of equally good challengers, (1 - confidence)
    / 2 are promoted."""
    resamples: Whole = Field(default=2000, ge=200, le=100_000)
    """Bootstrap resamples of the holdout's blocks."""
    block: ColumnName | None = None
    """Column of the row table (an input or a key) whose equal values are drawn together. Default: the local day."""
    baseline: ModuleName
    """Python module with `predict(columns) -> scores`: the rule that every model has to beat."""

    @field_validator("metric")
    @classmethod
    def _known(cls, value: str) -> str:
        return one_of(value, METRICS, what="metric")


class CanonicalCase(Section):
    """One input whose answer is known: either `value` within `tolerance`, or between `min` and `max`."""

    name: Text
    """What it stands for, in words."""
    input: Annotated[dict[ColumnName, Scalar], Field(min_length=1)]
    """Feature columns and their values; those left out are missing. Times as ISO 8601 texts with an offset."""
    value: Real | None = None
    """The expected answer: probability of class 1, or the number."""
    tolerance: Real = Field(default=1e-6, ge=0)
    """How far from `value` the answer may be."""
    min: Real | None = None
    """The answer must not be below this."""
    max: Real | None = None
    """The answer must not be above this."""

    @model_validator(mode="after")
    def _one_expectation(self) -> Self:
        refuse("CanonicalCase", self._mistakes())
        return self

    def _mistakes(self) -> Iterator[Mistake]:
        if self.value is None and self.min is None and self.max is None:
            yield (), "must say what to expect: value, or min and max, or one of them"
        if self.value is not None and (self.min is not None or self.max is not None):
            yield ("value",), "cannot be combined with min and max"
        if self.min is not None and self.max is not None and self.min > self.max:
            yield ("min",), f"must not be above max, {self.max:g}, got {self.min:g}"


class Gates(Section):
    """What a challenger must show before it is deployed. `min_value` and `slices` have to be given, all other gates are
    on by default; null turns one off."""

    test: Literal["superiority", "non_inferiority"] = "superiority"
    """superiority: shown to be better than the champion. non_inferiority: shown to be worse by less than `margin`."""
    min_gain: Real = 0.0
    """superiority: the interval of (challenger - champion) must lie above this, in the metric's unit."""
    margin: Real | None = Field(default=None, gt=0)
    """non_inferiority: the interval of (challenger - champion) must lie above minus this, in the metric's unit."""
    min_gain_over_baseline: Real | None = 0.0
    """The interval of (challenger - baseline rule) must lie above this. It always holds for the first model."""
    min_value: Real | None = None
    """The challenger's metric on the holdout must not be below this floor."""
    slices: ColumnNames = ()
    """Feature columns. For each of their values the challenger must not be shown to be worse."""
    min_slice_rows: Whole = Field(default=200, ge=20)
    """A slice with fewer rows is not judged, and the decision says so."""
    max_slice_loss: Real = Field(default=0.0, ge=0)
    """A slice fails where its interval, corrected for their number, lies below minus this."""
    max_calibration_error: Real | None = Field(default=0.1, gt=0, le=1)
    """Classifier: expected calibration error in ten bins of equal size. Regressor: mean error in standard deviations of
    the label."""
    canonical: tuple[CanonicalCase, ...] = ()
    """Inputs with known answers."""
    max_latency_p95_ms: Real | None = Field(default=500.0, gt=0)
    """95th percentile of the time of a single prediction, in milliseconds, on the artifact that will serve."""
    max_size_mb: Real | None = Field(default=500.0, gt=0)
    """Size of the artifact, in megabytes of 2**20 bytes."""
    input_schema: Literal["compatible", "any"] = "compatible"
    """compatible: the challenger needs no input that production does not send, nor one of another type."""
    new_inputs: ColumnNames = ()
    """Inputs that the champion does not know and that production sends by now."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse("Gates", self._mistakes())
        return self

    def _mistakes(self) -> Iterator[Mistake]:
        if self.test == "non_inferiority" and self.margin is None:
            yield ("margin",), "is missing: test is non_inferiority"
        if self.test == "superiority" and self.margin is not None:
            yield ("margin",), "has no effect where test is superiority; use min_gain"
        names = [case.name for case in self.canonical]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield ("canonical", index, "name"), f"{name!r} is named twice"
