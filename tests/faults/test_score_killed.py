"""SIGKILL while an interval is scored: readers see the predictions from before or the new ones, never some of both."""

from datetime import timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from retrainer.contracts import FeatureSet, StepRequest
from retrainer.scoring import scored_uri
from retrainer.steps import score
from tests.released import FIRST, Releases
from tests.worlds import run_killed

AS_OF = FIRST + timedelta(days=3)
ROWS = 40

AT = [
    "before retrainer.steps.score:score",
    "before retrainer.scoring.batches:write_partition",
    "after retrainer.scoring.batches:columns_of_batch",
    "before retrainer.partition_file:_write",
    "after retrainer.partition_file:_write",
    "after retrainer.scoring.batches:write_partition",
    "before retrainer.scoring.batches:replace_partitions",
    "after retrainer.scoring.batches:replace_partitions",
]


@pytest.fixture
def features(releases: Releases) -> FeatureSet:
    """Two versions: the interval is scored by the first, the second is in production now."""
    releases.promote()
    features = releases.world.features(AS_OF, rows_a_day=ROWS)
    score.run(request_of(releases, features), releases.world.settings)
    releases.promote()
    return features


def request_of(releases: Releases, features: FeatureSet) -> StepRequest:
    return releases.world.request("score", AS_OF, {"build_features": features})


def versions_of_rows(releases: Releases) -> list[int]:
    uri = scored_uri(releases.world.settings.data_uri, releases.model)
    return sorted(DeltaTable(uri).to_pyarrow_table(columns=["version"])["version"].to_pylist())


@pytest.mark.parametrize("at", AT)
def test_a_killed_scoring_leaves_all_or_nothing_and_its_retry_the_state_of_an_undisturbed_one(
    releases: Releases, features: FeatureSet, at: str
) -> None:
    request = request_of(releases, features)

    assert run_killed(releases.world, request, at=at) == -9, f"{at} was never reached"

    assert versions_of_rows(releases) == [2 if at == AT[-1] else 1] * ROWS
    result = score.run(request, releases.world.settings)
    assert (result.rows, result.version) == (ROWS, 2)
    assert versions_of_rows(releases) == [2] * ROWS


def test_what_a_killed_scoring_leaves_behind_is_found_by_nobody(releases: Releases, features: FeatureSet) -> None:
    request = request_of(releases, features)
    folder = Path(scored_uri(releases.world.settings.data_uri, releases.model))
    before = set(folder.rglob("*.parquet"))

    run_killed(releases.world, request, at="before retrainer.scoring.batches:replace_partitions")

    (orphan,) = set(folder.rglob("*.parquet")) - before
    assert orphan.name not in {Path(uri).name for uri in DeltaTable(str(folder)).file_uris()}
