"""score: the champion's predictions for an interval, in the table of batch predictions."""

import json
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from retrainer.contracts import FeatureSet, Scored
from retrainer.contracts.columns import INTERVAL, KNOWN_AT, LABEL, TIME
from retrainer.errors import ConfigurationError, UnsafeArtifactError
from retrainer.evaluation import predictions_of
from retrainer.exporting import OnnxModel
from retrainer.registry import DIGEST, RUNTIME, load_model
from retrainer.scoring import scored_uri
from retrainer.snapshots import DataPlace, pin, replace_partitions
from tests.released import FIRST, Releases

AS_OF = FIRST + timedelta(days=3)
ROWS = 40


@pytest.fixture
def features(releases: Releases) -> FeatureSet:
    return releases.world.features(AS_OF, rows_a_day=ROWS, seed=5)


def run(releases: Releases, features: FeatureSet, *, run_id: str = "night") -> Scored:
    from retrainer.steps import score

    request = releases.world.request("score", features.as_of, {"build_features": features}, run_id=run_id)
    return score.run(request, releases.world.settings)


def stored(releases: Releases) -> pd.DataFrame:
    uri = scored_uri(releases.world.settings.data_uri, releases.model)
    return DeltaTable(uri).to_pandas().sort_values([TIME, "flight_id"], ignore_index=True)


def expected(releases: Releases, features: FeatureSet) -> pd.DataFrame:
    """The interval's rows of the feature table with what the pipeline itself says of each."""
    frame = DeltaTable(features.table.uri).to_pandas()
    own = frame[frame[INTERVAL] == releases.world.config.schedule.interval_before(features.as_of).key]
    trained = releases.trained
    model = load_model(trained.model_uri, digest=trained.artifact_digest)
    said = predictions_of(model.pipeline, own[list(model.facts.columns)]).output
    return own.assign(prediction=said).sort_values([TIME, "flight_id"], ignore_index=True)


def use_onnx(releases: Releases, version: int) -> None:
    releases.world.versions.tag(version, {RUNTIME: "onnx"})


@pytest.mark.parametrize("runtime", ["onnx", "scikit-learn"])
def test_every_row_of_the_interval_has_what_the_champions_pipeline_says_of_it(
    releases: Releases, features: FeatureSet, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases.promote()
    releases.world.versions.tag(1, {RUNTIME: runtime})
    used: list[int] = []
    original = OnnxModel.predict
    monkeypatch.setattr(OnnxModel, "predict", lambda self, columns: used.append(1) or original(self, columns))

    result = run(releases, features)

    right = expected(releases, features)
    found = stored(releases)
    assert len(found) == result.rows == ROWS
    np.testing.assert_allclose(found["prediction"], right["prediction"], rtol=0, atol=1e-6)
    assert found["flight_id"].tolist() == right["flight_id"].tolist()
    assert bool(used) == (runtime == "onnx")


def test_the_features_are_there_as_the_feature_table_has_them_and_no_label(
    releases: Releases, features: FeatureSet
) -> None:
    releases.promote()
    run(releases, features)

    found, right = stored(releases), expected(releases, features)
    kept = [name for name in right.columns if name not in (LABEL, KNOWN_AT)]

    pd.testing.assert_frame_equal(found[kept], right[kept], check_exact=False, atol=1e-6)
    assert set(found.columns) - set(kept) == {"version", "run_id", "scored_at", "identity"}


def test_the_result_says_which_version_scored_what_when_and_where(releases: Releases, features: FeatureSet) -> None:
    releases.promote(2)

    result = run(releases, features, run_id="a night")

    assert (result.version, result.run_id, result.rows, result.replaced, result.skipped) == (2, "a night", 40, True, "")
    assert result.interval == releases.world.config.schedule.interval_before(AS_OF)
    assert result.table is not None
    assert result.table.uri == scored_uri(releases.world.settings.data_uri, releases.model)
    assert result.table.version == DeltaTable(result.table.uri).version()
    assert result.trained_until == releases.trained.training.end
    rows = stored(releases)
    assert set(rows["version"]) == {2}
    assert set(rows["run_id"]) == {"a night"}
    assert set(rows["scored_at"]) == {pd.Timestamp(result.scored_at)}


def test_the_same_request_twice_leaves_the_same_state(releases: Releases, features: FeatureSet) -> None:
    releases.promote()
    first = run(releases, features)
    rows = stored(releases)

    again = run(releases, features)

    assert again == first.model_copy(update={"replaced": False})
    pd.testing.assert_frame_equal(stored(releases), rows)


def test_after_a_release_the_interval_is_scored_again_and_stamped_with_the_later_version(
    releases: Releases, features: FeatureSet
) -> None:
    releases.promote()
    run(releases, features, run_id="first")
    releases.promote()

    result = run(releases, features, run_id="second")

    assert (result.version, result.run_id, result.replaced) == (2, "second", True)
    assert set(stored(releases)["version"]) == {2}
    assert len(stored(releases)) == ROWS


def test_rows_that_changed_are_scored_again(releases: Releases, features: FeatureSet) -> None:
    releases.promote()
    run(releases, features)

    result = run(releases, releases.world.features(AS_OF, rows_a_day=ROWS + 5, seed=6))

    assert (result.rows, result.replaced) == (ROWS + 5, True)


def test_each_interval_is_a_partition_of_its_own(releases: Releases, features: FeatureSet) -> None:
    releases.promote()
    earlier = releases.world.features(AS_OF - timedelta(days=1), rows_a_day=ROWS, seed=5)

    run(releases, features)
    run(releases, earlier)

    assert stored(releases)[INTERVAL].value_counts().tolist() == [ROWS, ROWS]


def test_before_the_first_release_nothing_is_scored_and_the_result_says_so(
    releases: Releases, features: FeatureSet
) -> None:
    result = run(releases, features)

    assert result.skipped == "no version is in production yet"
    assert (result.table, result.version, result.rows) == (None, None, 0)


def test_while_the_model_is_switched_off_nothing_is_scored_and_what_was_stays(
    releases: Releases, features: FeatureSet
) -> None:
    releases.promote()
    run(releases, features)
    releases.append("switch_off", 1)

    result = run(releases, features)

    assert "switched off" in result.skipped
    assert len(stored(releases)) == ROWS


def test_an_interval_without_rows_is_an_empty_partition(releases: Releases, features: FeatureSet) -> None:
    releases.promote()
    run(releases, features)

    result = run(releases, without_rows_of_the_interval(releases, features))

    assert (result.rows, result.version, result.skipped) == (0, None, "")
    assert result.table is not None
    assert stored(releases).empty


def without_rows_of_the_interval(releases: Releases, features: FeatureSet) -> FeatureSet:
    key = releases.world.config.schedule.interval_before(AS_OF).key
    schema = pa.schema(DeltaTable(features.table.uri).schema().to_arrow())
    replace_partitions(features.table.uri, [], schema=schema, keys=[key])
    ref = pin(features.table.uri, table="features", window=features.table.window)
    return features.model_copy(update={"table": ref})


def test_a_column_that_the_version_reads_and_the_table_lacks_is_named(releases: Releases, features: FeatureSet) -> None:
    releases.promote()

    with pytest.raises(ConfigurationError, match=r"v1 reads what the feature table does not have: weather__temp \("):
        run(releases, without_column(releases, features, "weather__temp"))


def without_column(releases: Releases, features: FeatureSet, name: str) -> FeatureSet:
    rows = DeltaTable(features.table.uri).to_pyarrow_table().drop_columns([name])
    place = DataPlace(releases.world.settings.data_uri, releases.model)
    keys = rows.column(INTERVAL).unique().to_pylist()
    replace_partitions(place.features(), rows.to_batches(), schema=rows.schema, keys=keys)
    return features.model_copy(update={"table": pin(place.features(), table="features", window=features.table.window)})


def test_files_that_were_changed_after_they_were_registered_are_not_used(
    releases: Releases, features: FeatureSet
) -> None:
    releases.promote()
    releases.world.versions.tag(1, {DIGEST: "0" * 64})

    with pytest.raises(UnsafeArtifactError, match="changed after it was registered"):
        run(releases, features)


def test_row_features_are_the_versions_own_whatever_the_repository_says_now(
    releases: Releases, features: FeatureSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases.promote()
    use_onnx(releases, 1)
    right = expected(releases, features)

    def broken(columns: Any) -> Any:
        raise AssertionError("today's code")

    monkeypatch.setattr("models.flight_delay.features.row_features", broken)
    run(releases, features)

    np.testing.assert_allclose(stored(releases)["prediction"], right["prediction"], atol=1e-6)


def test_a_backfill_of_what_the_champion_learned_from_says_so(
    releases: Releases, caplog: pytest.LogCaptureFixture
) -> None:
    releases.promote()
    past = releases.trained.training.end - timedelta(days=2)

    result = run(releases, releases.world.features(past, rows_a_day=ROWS))

    assert result.trained_until is not None
    assert result.trained_until > result.interval.start
    assert "may know the answers" in caplog.text


def test_the_result_survives_json(releases: Releases, features: FeatureSet) -> None:
    releases.promote()
    result = run(releases, features)

    assert Scored.model_validate(json.loads(result.to_json())) == result
