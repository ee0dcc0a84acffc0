"""What monitoring measures, finds, decides, and keeps in its history."""

from typing import Literal

from pydantic import Field, JsonValue

from retrainer.contracts.base import Contract, UtcDatetime
from retrainer.contracts.interval import Interval

About = Literal["feature", "prediction", "label", "performance", "business", "service"]
"""What a measurement or a finding is about."""

Alarm = Literal["ignore", "warn", "severe"]
"""How bad a finding is: only recorded; told to people; told, and a retraining run."""


COVERAGE, WINDOW = "coverage", "window"
"""Measures: the share of an interval's predictions whose label is known; the last known intervals together."""


class Measurement(Contract):
    """One number about one interval. `value` is null where it is not known (yet): `note` says why.

    About a feature, the predictions or the label, `measure` is `shift` (standardised Wasserstein distance to the
    reference, in standard deviations), `divergence` (Jensen-Shannon distance, base 2), `missing` (share now minus share
    of the reference), `unseen` (share of rows) or `psi`. About performance it is the metric's name, COVERAGE or WINDOW,
    about business the declared name or WINDOW, about the service `p50_ms`, `p95_ms`, `p99_ms`, `error_share`,
    `requests_per_second`, `cpu_seconds` or `memory_mb`.
    """

    interval: Interval
    version: int | None
    """Of the model; null where the rule answered."""
    about: About
    subject: str
    """The column; `prediction`; `label`; the metric; the server's measure."""
    measure: str
    value: float | None = None
    low: float | None = None
    """`low` and `high` bound the value of a performance or business measure."""
    high: float | None = None
    expected: float | None = None
    """What it is compared with: the 95th percentile of the reference's own intervals, the promise, the level."""
    p_value: float | None = None
    """How likely a value at least as large is without drift, of this column alone."""
    rows: int = Field(default=0, ge=0)
    flagged: bool = False
    """Whether this interval, by itself, stands out (after the correction over all columns)."""
    note: str = ""


class Recorded(Measurement):
    """A measurement as the history has it. A value that changed later, as labels do, is a new revision."""

    revision: int = Field(ge=1)
    run_id: str
    measured_at: UtcDatetime


class Finding(Contract):
    """Something that is confirmed: the columns or metrics, since when, how large, how bad."""

    about: About
    subjects: tuple[str, ...]
    effect: float
    """The largest one in the interval."""
    severity: Alarm
    message: str
    """In words, with the numbers."""


EpisodeEvent = Literal[
    "opened", "escalated", "fired", "held", "asked", "answered", "promoted", "rejected", "unfinished", "ended"
]
"""opened, escalated (from warn to severe, or by another subject) and ended bound an episode; fired: a retraining run;
held: none was fired, and why; asked and answered: a person; promoted, rejected, unfinished: what became of the run."""

EpisodeTopic = Literal["model", "service"]
"""The data and the model's predictions, or the server."""


class NewEpisodeEvent(Contract):
    """What is to be appended. The same `identity` is the same event: it is written once."""

    model: str
    topic: EpisodeTopic
    episode: int = Field(ge=1)
    """Number of the episode, from 1, for each model and topic."""
    event: EpisodeEvent
    interval: Interval
    """Of the monitoring run that saw it."""
    severity: Alarm
    identity: str
    details: dict[str, JsonValue] = Field(default_factory=dict)
    """Findings; of fired the `run_id` and `as_of` of the training run, of promoted and rejected the `sequence` and
    `version` of the ledger's entry; `reason` in words."""


class RecordedEvent(NewEpisodeEvent):
    """An event as it stands: its place among those of the model, and when it was written."""

    sequence: int = Field(ge=1)
    created_at: UtcDatetime


class NewAlert(Contract):
    """A message for people. The same `identity` is the same message: it is sent once."""

    model: str
    identity: str
    text: str
    """Slack's mrkdwn, escaped."""
    run_id: str
    """The monitoring run that raised it, whose page is linked."""


class Alert(NewAlert):
    """A message in the outbox. `sent_at` is null until Slack has taken it."""

    number: int
    created_at: UtcDatetime
    sent_at: UtcDatetime | None = None


class Monitored(Contract):
    """Result of monitor: what was found in the interval and what is to be done."""

    model: str
    interval: Interval
    version: int | None = None
    verdict: Literal["quiet", "warn", "severe", "unexplained", "not_known"]
    findings: tuple[Finding, ...] = ()
    episode: int | None = None
    """Number of the open episode about the model."""
    action: Literal["none", "retrain", "ask"] = "none"
    reason: str
    train_run_id: str = ""
    """Id of the run of <model>__train to fire: the same episode and interval give the same id."""
    train_as_of: UtcDatetime | None = None
    measurements: int = Field(default=0, ge=0)
    alerts: int = Field(default=0, ge=0)
    """How many are new."""
    report_url: str = ""
    """The Evidently report with the decision's numbers, in MLflow."""
    skipped: str = ""
