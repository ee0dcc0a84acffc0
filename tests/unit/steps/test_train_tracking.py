"""What a training leaves in MLflow, and trials of a search as nested runs."""

from datetime import UTC, datetime
from pathlib import Path

import mlflow
import pytest
import yaml

from retrainer.config.estimator import Range, Search
from retrainer.steps.tracking import connect_tracking
from tests.worlds import World, small_config

AS_OF = datetime(2013, 6, 3, 4, tzinfo=UTC)


@pytest.fixture
def world(tmp_path, monkeypatch) -> World:
    monkeypatch.chdir(tmp_path)  # a local MLflow store keeps its artifacts under the working folder
    return World(tmp_path, small_config())


@pytest.fixture
def trained(world):
    features = world.features(AS_OF)
    return features, world.run("train", AS_OF, {"build_features": features})


@pytest.fixture
def run(world, trained):
    return connect_tracking(world.settings).client.get_run(trained[1].run_id)


def test_parameters_seed_rows_and_a_learning_curve_are_logged(world, run):
    assert run.info.status == "FINISHED"
    assert run.data.params["estimator"] == "sklearn.ensemble.HistGradientBoostingClassifier"
    assert (run.data.params["max_iter"], run.data.params["seed"]) == ("20", "2013")
    assert run.data.metrics["training_rows"] == 600
    history = connect_tracking(world.settings).client.get_metric_history(run.info.run_id, "training_roc_auc")
    assert len(history) > 5
    assert history[-1].value > history[0].value


def test_code_lock_and_configuration_are_logged(world, run):
    tags = run.data.tags
    assert len(tags["retrainer.code_digest"]) == len(tags["retrainer.lock_digest"]) == 64
    assert tags["retrainer.as_of"] == "2013-06-03T04:00:00+00:00"
    assert tags["retrainer.owner"] == "flight-operations"
    paths = [item.path for item in connect_tracking(world.settings).client.list_artifacts(run.info.run_id)]
    assert "config.json" in paths


def test_the_data_are_logged_with_their_delta_version_and_digest(run, trained):
    features, _ = trained
    (entry,) = [item for item in run.inputs.dataset_inputs if item.dataset.name == "features"]
    assert features.table.digest.startswith(entry.dataset.digest)
    assert f'"delta_table_version": {features.table.version}' in entry.dataset.source
    assert features.table.uri in entry.dataset.source


def test_the_model_has_a_signature_an_input_example_and_pinned_requirements(trained, tmp_path):
    folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=trained[1].model_uri, dst_path=str(tmp_path / "m")))
    described = yaml.safe_load((folder / "MLmodel").read_text())
    assert '"name": "scheduled_departure"' in described["signature"]["inputs"]
    assert described["saved_input_example_info"]["artifact_path"] == "input_example.json"
    assert described["flavors"]["sklearn"]["serialization_format"] == "skops"
    assert all("==" in line for line in (folder / "requirements.txt").read_text().split())


def test_any_mlflow_client_can_load_and_use_the_model(trained, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")  # MLflow's default
    model = mlflow.pyfunc.load_model(trained[1].model_uri)
    assert model.predict(model.input_example).shape == (5, 2)


def test_each_trial_of_a_search_is_a_nested_run_with_its_score(world, caplog):
    search = Search(trials=2, space={"learning_rate": Range(low=0.01, high=0.3, log=True)})
    config = world.config.model_copy(update={"estimator": world.config.estimator.model_copy(update={"search": search})})
    searching = World(world.home, config)
    with caplog.at_level("INFO", logger="retrainer"):
        trained = searching.run("train", AS_OF, {"build_features": searching.features(AS_OF)})
    client = connect_tracking(world.settings).client
    experiment = client.get_experiment_by_name("flight_delay").experiment_id
    nested = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{trained.run_id}'")
    assert sorted(run.info.run_name for run in nested) == ["trial 0", "trial 1"]
    assert all(0.5 < run.data.metrics["validation_roc_auc"] <= 1 for run in nested)
    best = max(nested, key=lambda run: run.data.metrics["validation_roc_auc"])
    assert trained.parameters["learning_rate"] == pytest.approx(float(best.data.params["learning_rate"]))
    assert "trial 2 of 2" in caplog.text
