"""What must be known of a saved model to use it."""

from pathlib import Path

from pydantic import Field, JsonValue

from retrainer.config.evaluation import CanonicalCase
from retrainer.contracts import Contract, ExportCheck, Interval

EXTRA = "extra_files"
FACTS_FILE = "retrainer.json"


class ModelFacts(Contract):
    """Which columns a model reads, what it learned from, by which declaration, and which answers of it are known.

    Of a model that was saved by an older version of Retrainer `declaration` is empty and `export` null.
    """

    model: str
    feature_module: str
    columns: tuple[str, ...]
    training: Interval
    identity: str
    canonical: tuple[CanonicalCase, ...] = ()
    declaration: dict[str, JsonValue] = Field(default_factory=dict)
    """The declaration it was trained from, every default filled in."""
    export: ExportCheck | None = None
    """Whether it could be exported to ONNX, and how that compares on the sample that is saved with it."""


def read_facts(folder: Path) -> ModelFacts:
    """The facts saved with the model in `folder`."""
    return ModelFacts.from_json((folder / EXTRA / FACTS_FILE).read_bytes())
