"""train exports, compare holds that against scikit-learn on the whole holdout, register and card say what serves."""

import logging
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from retrainer.config.serving import Serving
from retrainer.contracts import Decision
from retrainer.registry import RUNTIME, RUNTIME_NOTE, download, load_model
from retrainer.saved import LoadedModel
from retrainer.steps.served_artifact import check_on_holdout, time_artifact
from retrainer.steps.tracking import connect_tracking
from tests.worlds import World, small_config

AS_OF = datetime(2013, 6, 3, 4, tzinfo=UTC)


def run_all(folder, **changes) -> tuple[World, dict]:
    """A first version in a world of its own, with the results of its steps."""
    folder.mkdir(exist_ok=True)
    world = World(folder, small_config().model_copy(update=changes))
    return world, world.release(AS_OF, world.features(AS_OF))


def load(results: dict) -> LoadedModel:
    return load_model(results["train"].model_uri, digest=results["train"].artifact_digest)


def latency(decision: Decision) -> str:
    return next(gate.message for gate in decision.gates if gate.name == "latency")


@pytest.fixture(autouse=True)
def _in_the_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a local MLflow store keeps its artifacts under the working folder


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A version that was exported, with its world and results."""
    home = tmp_path_factory.mktemp("exported")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        world, results = run_all(home)
        yield world, results, load(results)


def test_train_saves_the_onnx_model_with_what_is_known_of_it_by_then(exported):
    world, _, model = exported
    assert len(model.onnx) > 10_000
    check = model.facts.export
    assert (check.runtime, check.rows) == ("onnx", 200)
    assert check.message.startswith("ONNX equals scikit-learn within 1e-06 on all 200 rows of the saved sample")
    assert model.facts.declaration == world.config.model_dump(mode="json")


def test_training_again_elsewhere_gives_the_same_onnx_bytes(exported, tmp_path):
    _, again = run_all(tmp_path / "again")
    assert load(again).onnx == exported[2].onnx


def test_compare_holds_it_against_scikit_learn_on_the_whole_holdout(exported, caplog):
    world, results, _ = exported
    export = results["compare"].export
    assert (export.runtime, export.rows, export.tolerance) == ("onnx", results["compare"].rows, 1e-6)
    assert export.rows > 400
    assert export.max_difference < 1e-12
    undecided = World(world.home, world.config.model_copy(update={"seed": 5}))
    inputs = {"build_features": results["build_features"]}
    with caplog.at_level(logging.INFO):
        inputs["train"] = undecided.run("train", AS_OF, inputs)
        undecided.run("compare", AS_OF, inputs)
    assert "to be served by onnx: ONNX equals scikit-learn within 1e-06 on all" in caplog.text


def test_the_latency_gate_times_what_is_to_serve_and_says_so(exported):
    _, results, model = exported
    assert latency(results["compare"]).startswith("a single prediction by ONNX Runtime on this machine: p95 ")
    onnx, pipeline = (np.median(time_artifact(model, runtime)) for runtime in ("onnx", "scikit-learn"))
    assert onnx < pipeline / 5


def test_the_version_its_ledger_entry_and_its_card_say_what_serves_it(exported):
    world, results, _ = exported
    tags = world.versions.get(1).tags
    message = results["compare"].export.message
    assert (tags[RUNTIME], tags[RUNTIME_NOTE]) == ("onnx", message)
    (entry,) = world.ledger.entries(world.config.name)
    assert entry.evidence["decision"]["export"]["message"] == message
    card = download(connect_tracking(world.settings), results["train"].run_id, "model_card.md").decode()
    assert "Served by" in card
    assert "ONNX Runtime: ONNX equals scikit-learn within" in card.replace("\\", "")


def test_an_export_that_answers_otherwise_on_the_holdout_is_not_to_serve(exported, tmp_path):
    world, _, model = exported
    shorter = world.config.estimator.model_copy(update={"parameters": {"max_iter": 10, "early_stopping": False}})
    _, other = run_all(tmp_path / "other", estimator=shorter)
    swapped = replace(model, onnx=load(other).onnx)
    rows, outputs = model.sample_inputs, model.sample_outputs
    assert check_on_holdout(world.config, model, rows, outputs=outputs).runtime == "onnx"
    check = check_on_holdout(world.config, swapped, rows, outputs=outputs)
    assert check.runtime == "scikit-learn"
    assert check.message.startswith("ONNX differs from scikit-learn by more than 1e-06 on 200 of 200 rows")


def test_what_cannot_be_exported_is_served_by_scikit_learn_and_everything_says_why(tmp_path):
    estimator = small_config().estimator.model_copy(
        update={"type": "sklearn.dummy.DummyClassifier", "parameters": {"strategy": "uniform"}}
    )
    gates = small_config().gates.model_copy(update={"min_value": None, "max_calibration_error": None})
    world, results = run_all(tmp_path / "dummy", estimator=estimator, gates=gates)
    model, decision = load(results), results["compare"]
    why = "skl2onnx has no converter for DummyClassifier"
    assert (model.onnx, model.facts.export.message) == (None, why)
    assert (decision.export.runtime, decision.export.message) == ("scikit-learn", why)
    assert latency(decision).startswith("a single prediction by scikit-learn on this machine")
    tags = world.versions.get(1).tags
    assert (tags[RUNTIME], tags[RUNTIME_NOTE]) == ("scikit-learn", why)
    card = download(connect_tracking(world.settings), results["train"].run_id, "model_card.md").decode()
    assert f"scikit-learn: {why}" in card.replace("\\", "")


def test_the_tolerance_is_that_of_the_declaration(tmp_path):
    _, results = run_all(tmp_path / "strict", serving=Serving(tolerance=0.0))
    model = load(results)
    assert model.onnx is None
    assert model.facts.export.message.startswith("ONNX differs from scikit-learn by more than 0 on")


def test_a_challenger_that_was_not_compared_is_not_served_by_onnx(tmp_path):
    world = World(tmp_path, small_config(min_holdout_rows=100_000))
    results = {"build_features": world.features(AS_OF)}
    for step in ("train", "compare", "register"):
        results[step] = world.run(step, AS_OF, results)
    tags = world.versions.get(1).tags
    assert results["compare"].export is None
    assert tags[RUNTIME] == "scikit-learn"
    assert tags[RUNTIME_NOTE].startswith("ONNX was not compared: the holdout has ")
