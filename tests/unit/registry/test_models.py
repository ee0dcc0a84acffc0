"""A model comes back from MLflow as it went in, or not at all."""

import shutil
import zipfile
from pathlib import Path

import mlflow
import numpy as np
import pytest
from sklearn.base import BaseEstimator

from retrainer.columns import columns_of
from retrainer.errors import TrackingUnavailableError, UnsafeArtifactError
from retrainer.evaluation import predictions_of
from retrainer.registry import CHAMPION, Versions, connect, find_finished_run, load_model, start_run, store_model
from retrainer.saved import Extra, digest_files
from tests.unit.registry.conftest import MODELS


def store(tracking, pipeline, facts, examples, *, code: Path = MODELS):
    inputs = examples.features.head(50)
    with start_run(tracking, facts.model, name="test", tags={"retrainer.identity": facts.identity}) as record:
        extra = Extra(facts, inputs, predictions_of(pipeline, inputs).output)
        stored = store_model(pipeline, extra, run_id=record.run_id, code=code)
    return record, stored


def test_a_stored_model_predicts_the_same_bytes_when_loaded(tracking, pipeline, facts, examples):
    _, stored = store(tracking, pipeline, facts, examples)
    loaded = load_model(stored.uri, digest=stored.digest)
    before = predictions_of(pipeline, examples.features).output
    assert predictions_of(loaded.pipeline, examples.features).output.tobytes() == before.tobytes()
    assert loaded.sample_outputs.tobytes() == before[:50].tobytes()
    assert loaded.facts == facts


def test_it_is_saved_as_skops_and_holds_no_pickle(tracking, pipeline, facts, examples, tmp_path):
    _, stored = store(tracking, pipeline, facts, examples)
    folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=stored.uri, dst_path=str(tmp_path / "down")))
    names = [path.name for path in folder.rglob("*") if path.is_file()]
    assert "model.skops" in names
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".joblib"))]
    assert zipfile.is_zipfile(folder / "model.skops")


def test_one_changed_byte_and_it_is_never_loaded(tracking, pipeline, facts, examples):
    _, stored = store(tracking, pipeline, facts, examples)
    (file,) = Path.cwd().rglob("sample_outputs.npy")
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(UnsafeArtifactError, match="was changed after it was registered"):
        load_model(stored.uri, digest=stored.digest)


def test_a_trust_list_in_the_files_themselves_is_not_believed(tracking, pipeline, facts, examples):
    _, stored = store(tracking, pipeline, facts, examples)
    (file,) = Path.cwd().rglob("model.skops")
    import skops.io

    skops.io.dump(_Unreviewed(), file)
    digest = digest_files(Path(mlflow.artifacts.download_artifacts(artifact_uri=stored.uri)))
    with pytest.raises(UnsafeArtifactError, match="holds types that nobody reviewed"):
        load_model(stored.uri, digest=digest)


class _Unreviewed(BaseEstimator):
    pass


def test_a_model_keeps_the_feature_code_it_was_trained_with(tracking, config, facts, examples, tmp_path):
    from retrainer.training import fit

    code = tmp_path / "models"
    shutil.copytree(MODELS, code)
    features = code / "flight_delay" / "features.py"
    features.write_text(features.read_text().replace("np.floor(", "1 + np.floor("))
    today = fit(config, examples, parameters={"max_iter": 5})
    _, stored = store(tracking, today, facts, examples, code=code)
    loaded = load_model(stored.uri, digest=stored.digest)
    own = loaded.pipeline["row_features"].transform(examples.features)["departure_minute"]
    current = today["row_features"].transform(examples.features)["departure_minute"]
    assert np.array_equal(own - current, np.ones(len(examples)))
    from models.flight_delay.features import row_features

    assert np.array_equal(row_features(columns_of(examples.features))["departure_minute"], current)


def test_a_finished_run_is_found_by_its_identity_and_a_killed_one_is_marked(tracking, pipeline, facts, examples):
    killed = tracking.client.create_run(
        tracking.client.create_experiment(facts.model), tags={"retrainer.identity": facts.identity}
    )
    assert find_finished_run(tracking, facts.model, facts.identity) is None
    assert tracking.client.get_run(killed.info.run_id).info.status == "KILLED"
    record, _ = store(tracking, pipeline, facts, examples)
    assert find_finished_run(tracking, facts.model, facts.identity).run_id == record.run_id
    assert find_finished_run(tracking, facts.model, "b" * 64) is None


def test_a_finished_run_without_the_tag_does_not_hide_a_later_one_that_has_it(tracking, facts):
    tags = {"retrainer.identity": facts.identity}
    with start_run(tracking, facts.model, name="without", tags=tags) as without:
        pass
    assert find_finished_run(tracking, facts.model, facts.identity, tag="result") is None
    with start_run(tracking, facts.model, name="with", tags=tags | {"result": "{}"}) as found:
        pass
    assert find_finished_run(tracking, facts.model, facts.identity, tag="result").run_id == found.run_id
    assert find_finished_run(tracking, facts.model, facts.identity).run_id == without.run_id


def test_a_run_whose_block_raises_is_marked_as_failed(tracking, facts):
    with pytest.raises(RuntimeError), start_run(tracking, facts.model, name="test", tags={}) as record:
        raise RuntimeError("in the middle")
    assert tracking.client.get_run(record.run_id).info.status == "FAILED"


def test_registering_the_same_identity_twice_gives_the_same_version(tracking, pipeline, facts, examples):
    record, stored = store(tracking, pipeline, facts, examples)
    versions = Versions(tracking, facts.model)
    versions.ensure_model("what it predicts")
    versions.ensure_model("what it predicts")
    arguments = {"source": stored.uri, "run_id": record.run_id, "tags": {"a": "b"}, "description": "d"}
    first = versions.register(identity="a" * 64, **arguments)
    again = versions.register(identity="a" * 64, **arguments)
    other = versions.register(identity="b" * 64, **arguments)
    assert (first.version, again.version) == (1, 1)
    assert other.version > 1
    assert versions.find("a" * 64).tags["a"] == "b"
    assert len(tracking.client.search_model_versions(f"name = '{facts.model}'")) == 2


def test_aliases_name_versions_and_can_be_moved_and_removed(tracking, pipeline, facts, examples):
    record, stored = store(tracking, pipeline, facts, examples)
    versions = Versions(tracking, facts.model)
    versions.ensure_model("what it predicts")
    assert versions.alias(CHAMPION) is None
    version = versions.register(source=stored.uri, run_id=record.run_id, identity="a", tags={}, description="d").version
    versions.set_alias(CHAMPION, version)
    assert versions.alias(CHAMPION) == version
    versions.delete_alias(CHAMPION)
    assert versions.alias(CHAMPION) is None
    assert versions.get(99) is None


def test_a_server_that_is_down_is_an_error_that_a_retry_may_help(unused_port):
    tracking = connect(f"http://127.0.0.1:{unused_port}", timeout_seconds=1, retries=0)
    with pytest.raises(TrackingUnavailableError, match="MLflow failed while looking for runs of flight_delay"):
        find_finished_run(tracking, "flight_delay", "a")


@pytest.fixture
def unused_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
