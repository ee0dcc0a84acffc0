"""How the model server answers for a model, and how a new version gets there."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from retrainer.config.section import ColumnNames, Flag, Fraction, Mistake, Real, Section, Whole, refuse


class ServiceLevel(Section):
    """What the answers of a version have to hold to."""

    p95_ms: Real = Field(default=500, gt=0)
    """95th percentile of the time that an answer takes in the server, in milliseconds."""
    max_error_share: Fraction = 0.01
    """Share of the requests that the model could not answer, 0 to 1."""
    min_requests: Whole = Field(default=20, ge=1)
    """With fewer requests nothing is judged."""
    watch_seconds: Real = Field(default=60, ge=0, le=86_400)
    """How long deploy watches a version that has just been swapped in; it rolls back when the level is broken."""


class Breaker(Section):
    """When the rule answers instead of the model."""

    window_seconds: Real = Field(default=10, gt=0, le=3600)
    """The requests of how many seconds count."""
    max_failure_share: Fraction = 0.5
    """The breaker opens when more than this share of them failed or took too long."""
    min_requests: Whole = Field(default=20, ge=1)
    """With fewer requests in the window it stays closed."""
    timeout_ms: Real = Field(default=1000, gt=0)
    """A prediction that takes longer counts as failed."""
    open_seconds: Real = Field(default=5, gt=0, le=3600)
    """How long it stays open before one request is tried."""


class Canary(Section):
    """Shares of the traffic that a new version gets, one after the other, before it gets all of it."""

    percents: Annotated[tuple[Annotated[Whole, Field(ge=1, le=99)], ...], Field(min_length=1)] = (1, 10, 50)
    """In percent, rising."""
    step_seconds: Real = Field(default=300, ge=1, le=86_400)
    """How long each share is kept and watched. A broken service level returns all traffic to the champion."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if any(later <= earlier for earlier, later in pairwise(self.percents)):
            refuse("Canary", [(("percents",), "must rise, such as 1, 10, 50")])
        return self


class ShadowReview(Section):
    """What a version in the shadow has to show on live traffic before it is promoted."""

    min_rows: Whole = Field(default=1000, ge=20)
    """Predictions with a label that both versions made, before anything is judged."""
    max_disagreement: Fraction = 1.0
    """Share of predictions that may differ by more than `tolerance`; 1 judges by the labels alone."""
    tolerance: Real = Field(default=0.1, ge=0)
    """Two predictions that differ by no more than this agree."""


class Serving(Section):
    """How the model server answers for this model. Without this section the model is not served."""

    release: Literal["direct", "canary", "shadow"] = "direct"
    """direct: a promoted version gets all traffic at once. canary: in growing shares first. shadow: it answers beside
    the champion, unseen, until its review promotes it."""
    entity: ColumnNames = ()
    """Columns of the row table by which a split sends requests to one version or the other. Default: the key of that
    table."""
    max_records: Whole = Field(default=1000, ge=1, le=100_000)
    """Records in one request."""
    tolerance: Real = Field(default=1e-6, ge=0)
    """How far the exported model's answers may be from scikit-learn's: probabilities absolutely, numbers relative
    to the largest one."""
    log_predictions: Flag = True
    """Keep inputs and outputs of every answer for monitoring."""
    online_cron: str = "7 * * * *"
    """When looked-up values are refreshed between two training runs, as cron in the schedule's time zone."""
    level: ServiceLevel = ServiceLevel()
    """What the answers have to hold to."""
    breaker: Breaker = Breaker()
    """When the rule answers instead of the model."""
    canary: Canary = Canary()
    """The shares of release: canary."""
    review: ShadowReview = ShadowReview()
    """What release: shadow asks for."""

    @property
    def release_seconds(self) -> float:
        """How long a version is watched, all in all, before its release is done."""
        shares = len(self.canary.percents) * self.canary.step_seconds if self.release == "canary" else 0
        return shares + self.level.watch_seconds

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse("Serving", self._mistakes())
        return self

    def _mistakes(self) -> Iterator[Mistake]:
        for name, default, release in (("canary", Canary(), "canary"), ("review", ShadowReview(), "shadow")):
            if getattr(self, name) != default and self.release != release:
                yield (name,), f"has no effect where release is {self.release}"
        if self.release == "shadow" and not self.log_predictions:
            yield ("log_predictions",), "must be true where release is shadow: its review compares what was logged"
