"""What the model steps hand on: a trained challenger, the decision about it, its version, its release."""

from typing import Literal

from pydantic import Field, JsonValue

from retrainer.contracts.base import Contract, UtcDatetime
from retrainer.contracts.interval import Interval

Action = Literal["promote", "reject", "rollback", "approve"]


class TrainedModel(Contract):
    """Result of train. `artifact_digest` is SHA-256 over the files of the saved model."""

    run_id: str
    """MLflow run."""
    run_url: str
    model_uri: str
    artifact_digest: str
    training: Interval
    rows: int = Field(ge=0)
    parameters: dict[str, JsonValue]
    identity: str
    """Digest of the request and of the model's own code: the same identity is the same model."""


class Gate(Contract):
    """One condition of the decision, in numbers and in words. A gate that cannot be computed has not passed."""

    name: str
    passed: bool
    value: float | None = None
    threshold: float | None = None
    message: str


class Decision(Contract):
    """Result of compare: ship the challenger, or not, and why.

    `difference` is challenger minus reference on the same rows, in the direction in which more is better; `low` and
    `high` bound it at `confidence`. The reference is the champion, or the baseline rule where there is no champion.
    """

    promote: bool
    reason: str
    metric: str
    reference: str
    """`champion` or `baseline`."""
    champion_version: int | None = None
    rows: int = Field(ge=0)
    blocks: int = Field(ge=0)
    holdout: Interval | None = None
    challenger_value: float | None = None
    reference_value: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float = Field(gt=0, lt=1)
    gates: tuple[Gate, ...] = ()


class Registration(Contract):
    """Result of register: the version in the MLflow registry."""

    name: str
    version: int = Field(ge=1)
    version_url: str
    created: bool
    """False when the same request had registered it before."""


class Release(Contract):
    """Result of deploy: the entry of the ledger. `champion_version` is the version in production after it."""

    model: str
    sequence: int = Field(ge=1)
    action: Action
    version: int
    previous_version: int | None = None
    champion_version: int | None = None
    as_of: UtcDatetime
    reason: str
