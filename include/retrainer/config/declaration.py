"""The declaration of one model: everything that config/models/<model>.yaml may say."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from retrainer.config.estimator import Estimator
from retrainer.config.expectation_types import EXPECTATION_TYPES
from retrainer.config.features import Features
from retrainer.config.near_miss import one_of
from retrainer.config.schedule import Schedule, Windows
from retrainer.config.section import Fraction, Identifier, Section
from retrainer.config.sklearn_names import ESTIMATORS, METRICS
from retrainer.config.source import Source


class Evaluation(Section):
    """How challenger and champion are compared."""

    metric: str
    """A scikit-learn scorer, larger is better, such as roc_auc or neg_mean_absolute_error."""
    confidence: float = Field(default=0.9, ge=0.5, lt=1)
    """Confidence of the two-sided interval of the difference, 0.5 to 1."""
    resamples: int = Field(default=2000, ge=200, le=100_000)
    """Bootstrap resamples of the holdout's days."""
    baseline: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*$")]
    """Python module with `predict(frame) -> scores`: the rule that the first model has to beat."""

    @field_validator("metric")
    @classmethod
    def _known(cls, value: str) -> str:
        return one_of(value, METRICS, what="metric")


class Gates(Section):
    """What a challenger must show before it is deployed."""

    min_gain: float = 0.0
    """The interval of (challenger - champion) must lie above this, in the metric's unit."""
    min_gain_over_baseline: float = 0.0
    """For the first model: the interval of (challenger - baseline rule) must lie above this."""
    min_value: float | None = None
    """The challenger's metric on the holdout must not be below this floor."""


class Deployment(Section):
    """What happens to a challenger that was shown to be better."""

    automatic: bool = True
    """Move the champion alias. Otherwise versions are registered and decisions recorded, and nothing is moved."""


class Limits(Section):
    """What one step may use."""

    memory_mb: int = Field(default=4096, ge=256)
    """Private memory of a step and its children, in megabytes of 2**20 bytes."""
    timeout_minutes: int = Field(default=60, ge=1, le=10_080)
    """Wall time of a step."""


class Runtime(Section):
    """Where and within what limits the steps run."""

    kind: Literal["process"] = "process"
    """process: on the Airflow worker, forked from the warm step host where there is one."""
    limits: Limits = Limits()
    """What one step may use."""
    retries: int = Field(default=2, ge=0, le=20)
    """How often a step is tried again after a failure that a retry may help."""
    retry_delay_seconds: int = Field(default=30, ge=0, le=86_400)
    """Time between tries."""
    data_timeout_hours: float = Field(default=12, gt=0, le=720)
    """How long wait_for_data waits for the interval to land."""
    poll_seconds: float = Field(default=30, ge=0.5, le=3600)
    """How often wait_for_data looks."""


class ModelConfig(Section):
    """One model. The file's name is the model's name."""

    name: Identifier
    """Name of the model, of its DAGs and of its registry entry; equal to the file's name."""
    description: Annotated[str, Field(min_length=1)]
    """What is predicted, for whom, when. Shown in Airflow and in MLflow."""
    owner: Annotated[str, Field(min_length=1)]
    """Team that answers for the model."""
    tags: tuple[str, ...] = ()
    """Tags of the DAGs."""
    schedule: Schedule
    source: Source
    windows: Windows
    features: Features
    estimator: Estimator
    evaluation: Evaluation
    gates: Gates = Gates()
    deployment: Deployment = Deployment()
    runtime: Runtime = Runtime()
    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of everything random: splits, estimator, search, bootstrap."""
    min_quality: Fraction = 0.0
    """Share of checks (warnings included) that must pass, 0 to 1."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self._check_metric()
        self._check_features()
        for name, table in self.source.tables.items():
            for index, expectation in enumerate(table.expectations):
                where = f"source.tables.{name}.expectations.{index}.type"
                _name_at(where, expectation.type, EXPECTATION_TYPES, what="expectation")
        return self

    def _check_metric(self) -> None:
        kind = ESTIMATORS[self.estimator.type]
        if METRICS[self.evaluation.metric] != kind:
            allowed = [name for name, of in METRICS.items() if of == kind]
            raise ValueError(
                f"evaluation.metric: {self.evaluation.metric!r} does not fit a {kind} (allowed: {', '.join(allowed)})"
            )

    def _check_features(self) -> None:
        tables = self.source.tables
        rows = tables[self.source.rows].columns
        _columns_at("features.inputs", self.features.inputs, rows)
        for name, lookup in self.features.lookups.items():
            where = f"features.lookups.{name}"
            _name_at(f"{where}.table", lookup.table, tables, what="table")
            _columns_at(f"{where}.columns", lookup.columns, tables[lookup.table].columns)
            _columns_at(f"{where}.by", lookup.by, tables[lookup.table].columns)
            _columns_at(f"{where}.by", lookup.by, rows)
        for name, window in self.features.windows.items():
            where = f"features.windows.{name}"
            _columns_at(f"{where}.by", window.by, rows)
            if window.value != "label":
                _columns_at(f"{where}.value", (window.value,), rows)


def _name_at(where: str, value: str, allowed: Iterable[str], *, what: str) -> None:
    try:
        one_of(value, allowed, what=what)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _columns_at(where: str, columns: Iterable[str], allowed: Iterable[str]) -> None:
    for column in columns:
        _name_at(where, column, allowed, what="column")
