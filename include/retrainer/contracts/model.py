"""What the model steps hand on: a trained challenger, the decision about it, its version, its release."""

from typing import Literal

from pydantic import Field, JsonValue

from retrainer.contracts.base import Contract, UtcDatetime
from retrainer.contracts.interval import Interval
from retrainer.contracts.ledger import Action
from retrainer.contracts.serving import ExportCheck


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


class SliceResult(Contract):
    """The rows of the holdout with one value of a declared column, and what both models are worth on them.

    `low` and `high` bound challenger minus reference, corrected for the number of slices. Numbers are null where the
    slice was not judged; `message` says why.
    """

    column: str
    value: str
    rows: int = Field(ge=0)
    status: Literal["passed", "failed", "not_judged"]
    challenger_value: float | None = None
    reference_value: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    message: str


class Decision(Contract):
    """Result of compare: ship the challenger, or not, and why.

    `difference` is challenger minus reference on the same rows, in the direction in which more is better; `low` and
    `high` bound it at `confidence`, as `challenger_low` and `challenger_high` bound the challenger's own value. The
    reference is the champion, or the baseline rule where there is no champion.
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
    challenger_low: float | None = None
    challenger_high: float | None = None
    reference_value: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float = Field(gt=0, lt=1)
    gates: tuple[Gate, ...] = ()
    slices: tuple[SliceResult, ...] = ()
    export: ExportCheck | None = None
    """Whether ONNX says what scikit-learn says; null where the challenger was not compared."""
    report_url: str = ""
    """The evaluation report in MLflow; empty where it could not be kept."""


class Registration(Contract):
    """Result of register: the version in the MLflow registry."""

    name: str
    version: int = Field(ge=1)
    version_url: str
    created: bool
    """False when the same request had registered it before."""
    card_url: str = ""
    """The model card in MLflow."""


class Approval(Contract):
    """Result of approve: what a person (`by`; empty: nobody, in time) answered in the Airflow UI, and when.

    `asked` is false where no question was put: nothing was to be promoted, or the run was a backfill.
    """

    asked: bool
    approved: bool
    by: str = ""
    at: UtcDatetime | None = None
    message: str = ""


class Release(Contract):
    """Result of deploy and rollback: the entry of the ledger. `champion_version` is in production after it.

    Where the model server would not serve the version, or it broke its service level, the entry is the one by which
    deploy went back.
    """

    model: str
    sequence: int = Field(ge=1)
    action: Action
    version: int
    previous_version: int | None = None
    champion_version: int | None = None
    as_of: UtcDatetime
    reason: str
    served: bool | None = None
    """Whether the model server has carried the entry out. Null: nobody asked it."""
    note: str = ""
    """In words, what the model server made of it."""


class TableVersion(Contract):
    """A version of a Delta table."""

    uri: str
    version: int = Field(ge=0)


class Scored(Contract):
    """Result of score: the partition of the interval in the table of batch predictions.

    `version`, `run_id` and `scored_at` are stamped on its rows: those of an earlier run, where that had scored the same
    rows by the same version (`replaced` is false). They are null where the interval has no rows, and where nothing was
    scored: `skipped` says why.
    """

    model: str
    interval: Interval
    table: TableVersion | None = None
    rows: int = Field(default=0, ge=0)
    version: int | None = None
    run_id: str | None = None
    scored_at: UtcDatetime | None = None
    trained_until: UtcDatetime | None = None
    """End of what the version learned from. Later than the start of the interval: it may know the answers."""
    replaced: bool = False
    skipped: str = ""


class ShadowReview(Contract):
    """Result of shadow_review: what the version in the shadow and the champion said of the same requests, and the
    verdict. Numbers are null where there is nothing to compute them from.

    `difference` is shadow minus champion in the direction in which more is better; `low` and `high` bound it at
    `confidence`. `action` is that of the entry of the ledger; null where nothing is known yet and nothing was written.
    """

    model: str
    version: int | None = None
    champion_version: int | None = None
    verdict: Literal["promote", "reject", "unknown"]
    reason: str
    pairs: int = Field(default=0, ge=0)
    """Predictions that both made of the same record."""
    agreement: float | None = None
    """Share of these that differ by no more than the declared tolerance."""
    shadow_p95_ms: float | None = None
    champion_p95_ms: float | None = None
    labelled: int = Field(default=0, ge=0)
    """Rows of the row table that both predicted, and whose label is known."""
    metric: str = ""
    shadow_value: float | None = None
    champion_value: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    gates: tuple[Gate, ...] = ()
    action: Action | None = None
    sequence: int | None = None
    as_of: UtcDatetime | None = None
    """Of the training of the version that the entry is about."""
    served: bool | None = None
    """Whether the model server has carried the entry out. Null: nobody asked it."""
    note: str = ""
    """In words, what the model server made of it."""


class Archive(Contract):
    """Result of archive: the versions whose files were deleted, those that were kept and why, and the freed bytes."""

    model: str
    archived: tuple[int, ...]
    kept: dict[int, str]
    freed_bytes: int = Field(ge=0)


class RebuildCheck(Contract):
    """One comparison of a rebuilt version with the registered one. `matches` is null where it cannot be compared."""

    name: str
    matches: bool | None
    expected: str
    found: str
    message: str


class Rebuild(Contract):
    """Result of rebuild. `first_difference` names what differs first (code, lock, data, seed, ...); empty: nothing."""

    model: str
    version: int
    matches: bool
    first_difference: str = ""
    checks: tuple[RebuildCheck, ...]
