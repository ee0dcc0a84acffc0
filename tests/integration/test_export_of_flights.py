"""The demo's first model, on real flights: its export equals scikit-learn on the whole holdout.

No stack is needed: the steps run here, one after another.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

import numpy as np
import pytest

from retrainer.columns import columns_of, with_row_features
from retrainer.config.declaration import ModelConfig
from retrainer.config.load import load_declaration
from retrainer.config.runtime import RuntimeSettings, load_settings
from retrainer.contracts import Decision, StepRequest, TrainedModel
from retrainer.demo.story import FIRST_DAY, MODEL, STORY
from retrainer.errors import ConfigurationError
from retrainer.evaluation import predictions_of
from retrainer.exporting import OnnxModel
from retrainer.registry import connect, load_model
from retrainer.saved import LoadedModel
from retrainer.sources.sample import land, load_flights, open_database
from retrainer.sources.sample.load import data_folder
from retrainer.steps.catalog import load_step
from tests.worlds import PROJECT

_STEPS = ("snapshot", "validate_data", "build_features", "train", "compare")


@dataclass(frozen=True)
class Night:
    """What came out of the steps of one night."""

    decision: Decision
    trained: TrainedModel
    model: LoadedModel


@pytest.fixture(scope="module")
def night(tmp_path_factory) -> Night:
    """The demo's first night: 60 days to learn from and 14 to be judged on."""
    try:
        data_folder()
    except ConfigurationError as error:
        pytest.skip(str(error))
    home = tmp_path_factory.mktemp("flights")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)  # a local MLflow store keeps its artifacts under the working folder
        source = f"sqlite:///{home / 'flights.sqlite'}"
        load_flights(source)
        land(open_database(source), FIRST_DAY, STORY[0].day)
        config = load_declaration(PROJECT / "config" / "models" / f"{MODEL}.yaml")
        environ = {
            "RETRAINER_HOME": str(home),
            "RETRAINER_MLFLOW_URI": f"sqlite:///{home / 'mlflow.sqlite'}",
            f"RETRAINER_CONN_{str(config.source.connection).upper()}": source,
        }
        settings = load_settings(environ, PROJECT)
        results = run_steps(config, settings)
        trained = results["train"]
        connect(settings.mlflow_uri, timeout_seconds=30, retries=0)
        model = load_model(trained.model_uri, digest=trained.artifact_digest)
        return Night(results["compare"], trained, model)


def run_steps(config: ModelConfig, settings: RuntimeSettings) -> dict[str, Any]:
    as_of = datetime.combine(STORY[0].as_of, time(4), tzinfo=UTC)  # local midnight of New York
    results: dict[str, Any] = {}
    for step in _STEPS:
        request = StepRequest(
            step=step,
            model=config.name,
            config=config.model_dump(mode="json"),
            inputs={name: value.model_dump(mode="json") for name, value in results.items()},
            interval=config.schedule.interval_before(as_of),
            as_of=as_of,
            seed=config.seed,
            run_id="test",
        )
        results[step] = load_step(step)(request, settings)
    return results


def test_onnx_equals_scikit_learn_on_the_whole_holdout(night):
    export = night.decision.export
    assert (export.runtime, export.rows) == ("onnx", night.decision.rows)
    assert export.rows > 10_000
    assert export.max_difference < 1e-12
    assert "the classes are the same" in export.message


def test_the_latency_that_was_judged_is_that_of_onnx(night):
    (latency,) = [gate for gate in night.decision.gates if gate.name == "latency"]
    assert latency.message.startswith("a single prediction by ONNX Runtime on this machine")
    assert latency.value < 5.0


def test_each_saved_row_gives_what_it_gave_in_training_also_with_its_values_taken_away(night):
    model = OnnxModel(night.model.onnx)
    sample = night.model.sample_inputs
    for name, dtype in sample.dtypes.items():
        lacking = sample.assign(**{name: None if dtype.kind == "O" else np.nan}).astype({name: dtype})
        columns = with_row_features(columns_of(lacking), night.model.row_features)
        assert np.abs(model.predict(columns) - predictions_of(night.model.pipeline, lacking).output).max() < 1e-12
