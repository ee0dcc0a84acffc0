"""A version that is watched: its files, the declaration that it was trained from, and today's rules for watching it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from retrainer.columns import Columns, with_row_features
from retrainer.config.declaration import ModelConfig
from retrainer.contracts import partition_key
from retrainer.monitoring.watched import WatchedColumn, watched_columns
from retrainer.registry import Version, load_model
from retrainer.saved import LoadedModel
from retrainer.scoring import Predict
from retrainer.scoring.columns import columns_of_batch
from retrainer.steps.score import predict_by

_BATCH_ROWS = 50_000


@dataclass(frozen=True)
class WatchedVersion:
    """One version. `config` is what it was trained from, with the monitoring rules of today."""

    version: Version
    model: LoadedModel
    config: ModelConfig

    @property
    def number(self) -> int:
        return self.version.version

    @cached_property
    def columns(self) -> tuple[WatchedColumn, ...]:
        """What is watched of it."""
        return watched_columns(self.config)

    @cached_property
    def _predict(self) -> Predict:
        return predict_by(self.model, self.version)

    def features(self, columns: Columns) -> Columns:
        """Those of its watched columns that are features, from the columns that it reads."""
        made = with_row_features(columns, self.model.row_features)
        return {each.name: made[each.name] for each in self.columns if each.about == "feature" and each.name in made}

    def predict(self, columns: Columns) -> NDArray[np.float64]:
        """What it says of each row (float64)."""
        return self._predict(columns)

    def learned_from(self, key: str) -> bool:
        """Whether it was trained on the rows of the interval with this key, of those that come with it."""
        return key < partition_key(self.model.facts.training.end)

    def read(
        self, relation: duckdb.DuckDBPyRelation, names: Mapping[str, str]
    ) -> Iterator[tuple[Columns, pa.RecordBatch]]:
        """The rows of `relation` in batches: the columns that the version reads, and all of them.

        `names` is what each column is called in `relation`.
        """
        reads = {name: names[name] for name in self.model.facts.columns if name in names}
        for batch in relation.to_arrow_reader(_BATCH_ROWS):
            found = columns_of_batch(batch, list(reads.values()))
            yield {name: found[stored] for name, stored in reads.items()}, batch


def load_watched(version: Version, today: ModelConfig) -> WatchedVersion:
    """Load a registered version.

    Raises:
        TrackingUnavailableError: MLflow does not give the files.
        UnsafeArtifactError: they are gone, or not what was registered.
    """
    model = load_model(version.source, digest=version.digest)
    declared = dict(model.facts.declaration) or today.model_dump(mode="json")  # older versions were saved without
    rules = {"monitoring": today.monitoring.model_dump(mode="json")}
    return WatchedVersion(version, model, ModelConfig.model_validate(declared | rules))
