"""What is watched once a model is in production, when that is an alarm, and what an alarm does."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from retrainer.config.section import (
    ColumnNames,
    Flag,
    Fraction,
    Identifier,
    Mistake,
    Real,
    Section,
    Text,
    Whole,
    refuse,
)
from retrainer.contracts.monitoring import About, Alarm


class Confirmation(Section):
    """How often something has to be seen before it is believed."""

    intervals: Whole = Field(default=3, ge=1, le=100)
    """In so many intervals ..."""
    of: Whole = Field(default=5, ge=1, le=100)
    """... of the last so many."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.of < self.intervals:
            refuse("Confirmation", [(("of",), f"must not be below intervals, {self.intervals}, got {self.of}")])
        return self


class Drift(Section):
    """When an interval differs from what the version learned from."""

    false_alarms_per_year: Real = Field(default=1, gt=0, le=365)
    """Confirmed drift episodes that a model without drift may have in a year, on average: 0 to 365."""
    confirm: Confirmation = Confirmation()
    """How often a column has to be flagged before its drift is believed."""
    min_rows: Whole = Field(default=100, ge=20)
    """An interval with fewer rows is not judged."""
    min_shift: Real = Field(default=0.1, ge=0)
    """Numbers: the standardised Wasserstein distance below which nothing is flagged, in standard deviations."""
    min_divergence: Fraction = 0.1
    """Categories: the Jensen-Shannon distance (base 2) below which nothing is flagged, 0 to 1."""
    min_missing: Fraction = 0.02
    """Change of the share of missing values below which nothing is flagged."""
    min_unseen: Fraction = 0.01
    """Share of rows with a category that the version has never seen, below which nothing is flagged."""
    ignore: ColumnNames = ()
    """Feature columns that are not watched."""


class Business(Section):
    """A number that says what the predictions were worth: an SQL aggregate over the rows whose label is known."""

    name: Identifier
    """What it is called in the history and in alerts."""
    value: Text
    """DuckDB expression with an aggregate over `prediction`, `label` and the feature columns."""
    min: Real | None = None
    """Below this it is an alarm."""
    max: Real | None = None
    """Above this it is an alarm."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            refuse("Business", [(("min",), f"must not be above max, {self.max:g}, got {self.min:g}")])
        return self


class Performance(Section):
    """How good the predictions were, as labels arrive."""

    lookback_intervals: Whole = Field(default=30, ge=1, le=400)
    """How many past intervals are measured again by every run: labels come late, and change."""
    window_intervals: Whole = Field(default=7, ge=1, le=100)
    """How many intervals whose labels are known are judged together."""
    min_coverage: Fraction = 0.8
    """Share of an interval's predictions whose label must be known; below it the interval says "not known yet"."""
    min_rows: Whole = Field(default=200, ge=20)
    """Predictions with a label that the window must have before it is judged."""
    floor: Real | None = None
    """The metric must not be below this, in the unit of evaluation.metric. Default: gates.min_value."""
    false_alarms_per_year: Real = Field(default=1, gt=0, le=365)
    """How often a model that keeps what its release promised may be said to have got worse, a year on average."""
    business: tuple[Business, ...] = ()
    """What else the predictions are judged by."""

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = [each.name for each in self.business]
        twice = [index for index, name in enumerate(names) if name in names[:index]]
        refuse("Performance", [(("business", index, "name"), f"{names[index]!r} is named twice") for index in twice])
        return self


class ServiceAlarm(Section):
    """What the model server has to hold to, over an interval. Has effect where the model is served."""

    p95_ms: Real = Field(default=500, gt=0)
    """95th percentile of the time of an answer, in milliseconds."""
    max_error_share: Fraction = 0.01
    """Share of the requests that failed."""
    min_requests: Whole = Field(default=20, ge=1)
    """With fewer requests nothing is judged."""


class Rule(Section):
    """How bad a confirmed finding is. The first rule that fits decides."""

    about: About
    """What the finding is about."""
    severity: Alarm
    """ignore: it is only recorded. warn: Slack, once per episode. severe: a retraining run as well."""
    columns: ColumnNames = ()
    """Fits only where one of these columns, or metrics, is confirmed. Default: any."""
    min_columns: Whole = Field(default=1, ge=1)
    """Fits only where so many of them are confirmed at the same time."""
    min_effect: Real = Field(default=0, ge=0)
    """Fits only where the largest effect of the interval is at least this."""
    with_prediction: Flag = False
    """Fits only where drift of the predictions is confirmed too."""


_RULES = (
    Rule(about="performance", severity="severe"),
    Rule(about="business", severity="severe"),
    Rule(about="feature", severity="severe", with_prediction=True),
    Rule(about="feature", severity="warn"),
    Rule(about="label", severity="warn"),
    Rule(about="prediction", severity="warn"),
    Rule(about="service", severity="warn"),
)


class Retraining(Section):
    """What a severe finding may do by itself."""

    automatic: Flag = True
    """Fire <model>__train. Otherwise a person is asked."""
    cool_down_intervals: Whole = Field(default=7, ge=0, le=1000)
    """After a run was fired, no other one for so many intervals."""
    max_per_month: Whole = Field(default=4, ge=0, le=1000)
    """Runs fired in 30 days. Beyond that a person is asked."""
    answer_within_hours: Real = Field(default=72, gt=0, le=720)
    """How long a question waits for an answer. Without one, retraining stays held."""


class Monitoring(Section):
    """What <model>__monitor looks at every interval, and what it does about it."""

    predictions: Literal["scored", "served"] = "scored"
    """scored: batch predictions of every row, which the run itself makes. served: what the model server answered."""
    drift: Drift = Drift()
    """When an interval differs from what the version learned from."""
    performance: Performance = Performance()
    """How good the predictions were, as labels arrive."""
    service: ServiceAlarm = ServiceAlarm()
    """What the model server has to hold to."""
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)] = _RULES
    """How bad each finding is; what no rule fits is only recorded."""
    retraining: Retraining = Retraining()
    """What a severe finding may do by itself."""
    report: Literal["every_interval", "findings", "never"] = "every_interval"
    """When a report with Evidently's charts is made, which takes seconds. findings: when something is confirmed."""
    report_rows: Whole = Field(default=5000, ge=100, le=100_000)
    """Rows of the interval, and of the reference, that the Evidently report shows: a seeded sample."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse("Monitoring", self._mistakes())
        return self

    def _mistakes(self) -> Iterator[Mistake]:
        for index, rule in enumerate(self.rules):
            if rule.with_prediction and rule.about != "feature":
                yield ("rules", index, "with_prediction"), f"has no effect where about is {rule.about}"
