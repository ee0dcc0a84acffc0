"""What the documents of a version are written from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Decision, FeatureSet, TableRef, TrainedModel, UtcDatetime, ValidationReport


@dataclass(frozen=True, slots=True)
class MadeBy:
    """What the model was made by; empty where it is not known."""

    commit: str = ""
    code_digest: str = ""
    lock_digest: str = ""
    software: str = ""


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """A column of a snapshot: its type there and the share of nulls (0 to 1).

    Of numbers and times `low` and `high` are the least and the greatest; of others `distinct` is how many there are.
    """

    column: str
    stored: str
    nulls: float
    low: str | None = None
    high: str | None = None
    distinct: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFacts:
    """A registered version and all that led to it. `profiles` are the columns of each table of the snapshot, by name;
    `validation` is None where the data were not validated in this run."""

    config: ModelConfig
    version: int
    version_url: str
    as_of: UtcDatetime
    trained: TrainedModel
    decision: Decision
    features: FeatureSet
    made_by: MadeBy
    validation: ValidationReport | None = None
    profiles: Mapping[str, tuple[ColumnProfile, ...]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`model@version`."""
        return f"{self.config.name}@{self.version}"

    def table(self, name: str) -> TableRef | None:
        """The pinned snapshot of a source table, where there is one."""
        return next((ref for ref in self.features.snapshot if ref.table == name), None)
