"""The declaration of one model: everything that config/models/<model>.yaml may say."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from retrainer.config.consistency import Sections, inconsistencies
from retrainer.config.containers import Docker, Kubernetes
from retrainer.config.estimator import Estimator
from retrainer.config.evaluation import CanonicalCase, Evaluation, Gates
from retrainer.config.features import Features
from retrainer.config.mapping import TaskMapping
from retrainer.config.monitoring import Monitoring
from retrainer.config.schedule import Schedule, Windows
from retrainer.config.section import Flag, Fraction, Identifier, Mistake, Real, Section, Text, Whole, refuse
from retrainer.config.serving import Serving
from retrainer.config.source import Source

__all__ = ["CanonicalCase", "Card", "Deployment", "Evaluation", "Gates", "Limits", "ModelConfig", "Runtime"]


class Deployment(Section):
    """What happens to a challenger that was shown to be better."""

    automatic: Flag = True
    """Move the champion alias. Otherwise versions are registered and decisions recorded, and nothing is moved."""
    approval: Literal["none", "required"] = "none"
    """required: a person approves each promotion in the Airflow UI first."""
    approvers: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = ()
    """Airflow users who may approve. Default: every user who may answer."""
    approval_timeout_hours: Real = Field(default=24, gt=0, le=720)
    """How long to wait for the answer; without one the challenger is rejected."""
    keep_versions: Whole = Field(default=10, ge=2, le=1000)
    """How many of the newest versions keep their files, besides the champion, the previous one and pinned ones."""

    @model_validator(mode="after")
    def _approvers_are_asked(self) -> Self:
        if self.approvers and self.approval == "none":
            refuse("Deployment", [(("approvers",), "has no effect where approval is none")])
        return self


class Card(Section):
    """What the model card says beside what is measured."""

    purpose: Text | None = None
    """What the model is to be used for, and by whom. Default: the description."""
    limits: Text | None = None
    """Where it must not be used, and what it is known to get wrong."""
    ethics: Text | None = None
    """Who may be harmed by a wrong answer, which biases the data have, what was done about it."""
    preprocessing: Text | None = None
    """What happened to the data before they were in the source."""


class Limits(Section):
    """What one step may use."""

    memory_mb: Whole = Field(default=4096, ge=256)
    """Memory of a step and its children, in megabytes of 2**20 bytes: private memory, and in Docker what is in /tmp."""
    cpus: Real | None = Field(default=None, gt=0, le=1024)
    """Processors that a container may use at once, such as 0.5 or 4. Default: all of its machine."""
    timeout_minutes: Whole = Field(default=60, ge=1, le=10_080)
    """Wall time of a step."""


class Runtime(Section):
    """Where and within what limits the steps run."""

    kind: Literal["process", "docker", "kubernetes"] = "process"
    """process: on the Airflow worker, forked from the warm step host where there is one. docker: each step in a
    container. kubernetes: each step in a pod."""
    docker: Docker | None = None
    """The containers, where kind is docker."""
    kubernetes: Kubernetes | None = None
    """The pods, where kind is kubernetes."""
    limits: Limits = Limits()
    """What one step may use."""
    mapping: TaskMapping = TaskMapping()
    """Into how many tasks building features and scoring are divided."""
    pool: Annotated[str, Field(min_length=1, max_length=256)] = "default_pool"
    """Airflow pool that a task takes a slot of; a rollback is in the default one. Airflow starts no task whose pool is
    not there, and warns of it at the DAG."""
    retries: Whole = Field(default=2, ge=0, le=20)
    """How often a step is tried again after a failure that a retry may help."""
    retry_delay_seconds: Whole = Field(default=30, ge=0, le=86_400)
    """Time between tries."""
    data_timeout_hours: Real = Field(default=12, gt=0, le=720)
    """How long wait_for_data waits for the interval to land."""
    poll_seconds: Real = Field(default=30, ge=0.5, le=3600)
    """How often wait_for_data looks."""

    @property
    def start_minutes(self) -> int:
        """How long a step may wait for its place to run, beside its own time: for a node, and then for its image."""
        return 2 * self.kubernetes.start_minutes if self.kubernetes is not None else 0

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse("Runtime", self._mistakes())
        return self

    def _mistakes(self) -> Iterator[Mistake]:
        for name, section in (("docker", self.docker), ("kubernetes", self.kubernetes)):
            if self.kind == name and section is None:
                yield (name,), f"is missing: where kind is {name} it names the image"
            if self.kind != name and section is not None:
                yield (name,), f"has no effect where kind is {self.kind}"
        if self.kind == "process" and self.limits.cpus is not None:
            yield ("limits", "cpus"), "has no effect where kind is process"
        if self.kubernetes is not None:
            yield from self._requests_above_limits(self.kubernetes)

    def _requests_above_limits(self, kubernetes: Kubernetes) -> Iterator[Mistake]:
        for name in ("cpus", "memory_mb"):
            asked, limit = getattr(kubernetes.requests, name), getattr(self.limits, name)
            if asked is not None and limit is not None and asked > limit:
                yield ("kubernetes", "requests", name), f"must be at most limits.{name}, {limit:g}, got {asked:g}"


class ModelConfig(Section):
    """One model. The file's name is the model's name."""

    name: Identifier
    """Name of the model, of its DAGs and of its registry entry; equal to the file's name."""
    description: Text
    """What is predicted, for whom, when. Shown in Airflow and in MLflow."""
    owner: Text
    """Team that answers for the model."""
    tags: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = ()
    """Tags of the DAGs."""
    schedule: Schedule
    """When it is retrained."""
    source: Source
    """Where its rows come from, what must hold for them, and what is predicted."""
    windows: Windows
    """Which past a run learns from and which it is judged on."""
    features: Features
    """What the model may look at."""
    estimator: Estimator
    """What learns, with which parameters."""
    evaluation: Evaluation
    """How challenger and champion are compared."""
    gates: Gates = Gates()
    """What a challenger must show before it is deployed."""
    deployment: Deployment = Deployment()
    """What happens to a challenger that was shown to be better."""
    serving: Serving | None = None
    """How the model server answers for it. Default: it is not served."""
    monitoring: Monitoring = Monitoring()
    """What is watched once it is in production, and what an alarm does."""
    card: Card = Card()
    """What the model card says beside what is measured."""
    runtime: Runtime = Runtime()
    """Where and within what limits the steps run."""
    seed: Whole = Field(default=0, ge=0, lt=2**32)
    """Seed of everything random: splits, estimator, search, bootstrap."""
    min_quality: Fraction = 0.0
    """Share of checks (warnings included) that must pass, 0 to 1."""

    @property
    def label_columns(self) -> frozenset[str]:
        """Columns of the row table that only the label needs: they are filled in when it becomes known."""
        label, table = self.source.label, self.source.tables[self.source.rows]
        named = {*re.findall(r"\w+", label.expression), label.known_at}
        used = {table.event_time, *table.key, *self.features.inputs}
        return frozenset(column for column in table.columns if column in named and column not in used)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        sections = Sections(
            schedule=self.schedule,
            source=self.source,
            windows=self.windows,
            features=self.features,
            estimator=self.estimator,
            evaluation=self.evaluation,
            gates=self.gates,
            monitoring=self.monitoring,
        )
        refuse("ModelConfig", inconsistencies(sections))
        return self
