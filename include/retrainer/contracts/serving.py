"""What the ledger, the model server and the deploy step tell one another."""

from typing import Literal

from pydantic import Field, JsonValue

from retrainer.contracts.base import Contract, UtcDatetime

ServingRuntime = Literal["onnx", "scikit-learn"]
Source = Literal["model", "shadow", "fallback"]
"""Who made a prediction: the version that answers, the one in the shadow, or the declared rule."""


class Split(Contract):
    """`version` gets `percent` of the traffic, by a stable hash of the entity; the champion gets the rest."""

    version: int = Field(ge=1)
    percent: int = Field(ge=1, le=99)


class Assignment(Contract):
    """What the ledger says a server has to serve of one model, after the entry `sequence`."""

    model: str
    sequence: int = Field(ge=0)
    champion: int | None = None
    since: UtcDatetime | None = None
    reason: str = ""
    """Why the champion is in production, in words."""
    report_url: str = ""
    split: Split | None = None
    shadow: int | None = None
    off: bool = False
    """The model is switched off: the rule answers."""


class InputField(Contract):
    """A field of a record: a declared input, a value that is looked up where it is not sent, or a key column."""

    name: str
    type: Literal["string", "timestamp", "float", "integer", "boolean"]
    required: bool
    role: Literal["input", "looked_up", "window", "key"]
    example: JsonValue = None


class ServingSpec(Contract):
    """All that a server has to know of one version besides the model file. Lies beside it as `spec.json`."""

    model: str
    version: int = Field(ge=1)
    digest: str
    """SHA-256 over the registered files."""
    runtime: ServingRuntime
    runtime_note: str = ""
    """Why it is not ONNX, where it is not."""
    declaration: dict[str, JsonValue]
    """The declaration it was trained from, every default filled in."""
    fields: tuple[InputField, ...]


class ServedVersion(Contract):
    """A version in a server's memory and what it did since it was swapped in. Times in milliseconds."""

    version: int
    runtime: ServingRuntime
    runtime_note: str = ""
    since: UtcDatetime
    requests: int = 0
    errors: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


class Refusal(Contract):
    """A version that a server was told to serve and did not, and why."""

    version: int
    sequence: int
    reason: str


class ModelStatus(Contract):
    """What a server says of one model: `GET /v1/models/{model}`.

    `sequence` is the entry of the ledger that it has carried out (or refused), `champion` the version that answers,
    null while the rule does.
    """

    model: str
    sequence: int
    ready: bool
    champion: ServedVersion | None = None
    previous: int | None = None
    split: Split | None = None
    split_version: ServedVersion | None = None
    shadow: ServedVersion | None = None
    off: bool = False
    breaker: Literal["closed", "open", "half_open"] = "closed"
    refused: tuple[Refusal, ...] = ()
    since: UtcDatetime | None = None
    reason: str = ""
    report_url: str = ""


class ExportCheck(Contract):
    """Whether the model exported to ONNX says what scikit-learn says, over the whole holdout."""

    runtime: ServingRuntime
    """What the server is to use."""
    rows: int = Field(default=0, ge=0)
    max_difference: float | None = None
    tolerance: float | None = None
    message: str


class OnlineTable(Contract):
    """A table of values for the model server: a look-up or a window, complete up to `as_of`."""

    name: str
    as_of: UtcDatetime
    rows: int = Field(ge=0)
    published: bool
    """False: a newer one was there."""


class OnlineRefresh(Contract):
    """Result of refresh_online."""

    tables: tuple[OnlineTable, ...]
    left_out: int = Field(default=0, ge=0)
    """Rows that were not published: a value is not of its declared type."""
    message: str = ""
    """Why a table was not refreshed, in words; empty where all were."""


class CollectedPredictions(Contract):
    """Result of collect_predictions."""

    uri: str
    """The Delta table of the model's predictions."""
    rows: int = Field(ge=0)
    """Rows that are new in it."""
    segments: int = Field(ge=0)
    """Files of the log that were moved into it, or deleted where nothing is to be kept."""
    torn_bytes: int = Field(default=0, ge=0)
    """Bytes at the ends of files that are no whole frame: their writer was killed there."""
