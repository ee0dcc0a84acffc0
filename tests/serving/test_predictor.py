"""Versions in memory: ONNX and scikit-learn say the same, and scikit-learn answers those who wait in one call."""

import gc
import json
import shutil
import threading
import weakref

import numpy as np
import pytest

from retrainer.errors import BadDataError, UnsafeArtifactError
from retrainer.registry import DIGEST, RUNTIME, Version
from retrainer.serving.local_copy import read_checks, seal, verify
from retrainer.serving.predictor import OnnxPredictor, SklearnPredictor, complete, load_predictor, missing_values
from retrainer.serving.records import RecordParser
from retrainer.serving.supply.describe import write_copy


@pytest.fixture(scope="module")
def copies(trained_model, tmp_path_factory):
    """The local copies of one trained model, by what it is served with."""
    folder, trained = tmp_path_factory.mktemp("copies"), trained_model.trained
    with trained_model.files() as files:
        for place, runtime in enumerate(("onnx", "scikit-learn"), start=1):
            tags = {DIGEST: trained.artifact_digest, RUNTIME: runtime}
            write_copy(files, folder / runtime, Version("flight_delay", place, trained.model_uri, trained.run_id, tags))
            seal(folder / runtime)
    return folder


@pytest.fixture(scope="module")
def sample(copies):
    """The sample as a request, and what the model said of it when it was trained."""
    checks = read_checks(copies / "onnx")
    body = json.dumps({"records": list(checks.sample.records)}).encode()
    return RecordParser(verify(copies / "onnx")).parse(body).columns, np.array(checks.sample.outputs)


def row(columns, place):
    return {name: values[place : place + 1] for name, values in columns.items()}


class Counting:
    """A regressor that counts how often it is asked, and waits before it answers for the first time."""

    def __init__(self):
        self.asked = []
        self.begun, self.go = threading.Event(), threading.Event()

    def predict(self, frame):
        self.asked.append(len(frame))
        self.begun.set()
        assert self.go.wait(20)
        if (frame["distance"] < 0).any():
            raise ValueError("a distance below 0")
        return frame["distance"].to_numpy() * 2


@pytest.mark.parametrize(("runtime", "kind"), [("onnx", OnnxPredictor), ("scikit-learn", SklearnPredictor)])
def test_a_version_says_of_its_sample_what_it_said_when_it_was_trained(copies, sample, runtime, kind):
    predictor = load_predictor(copies / runtime)
    assert isinstance(predictor, kind)
    columns, outputs = sample
    np.testing.assert_allclose(predictor.predict(columns), outputs, rtol=0, atol=1e-12)
    np.testing.assert_allclose(predictor.predict(row(columns, 5)), outputs[5:6], rtol=0, atol=1e-12)


@pytest.mark.parametrize("runtime", ["onnx", "scikit-learn"])
def test_a_column_that_is_not_there_is_missing_in_every_record(copies, sample, runtime):
    predictor = load_predictor(copies / runtime)
    columns = dict(sample[0])
    given = columns | {
        name: np.full(len(sample[1]), value) for name, value in (("weather__temp", np.nan), ("dest", None))
    }
    without = {name: values for name, values in columns.items() if name not in ("weather__temp", "dest")}
    np.testing.assert_array_equal(predictor.predict(without), predictor.predict(given))
    assert not np.array_equal(predictor.predict(without), sample[1])


def test_columns_that_a_version_does_not_read_are_not_handed_to_it(copies):
    missing = missing_values(verify(copies / "onnx").fields)
    assert "flight_id" not in missing
    given = {"distance": np.array([1.0]), "flight_id": np.array([7]), "unknown": np.array(["x"], dtype=object)}
    found = complete(given, missing)
    assert list(found) == list(missing)
    assert (found["distance"].tolist(), found["carrier"].tolist()) == ([1.0], [None])
    assert np.isnat(found["scheduled_departure"]).all()
    assert np.isnan(found["weather__temp"]).all()


@pytest.mark.parametrize("runtime", ["onnx", "scikit-learn"])
def test_a_copy_that_was_changed_is_not_loaded(copies, tmp_path, runtime):
    shutil.copytree(copies / runtime, tmp_path / "copy")
    (tmp_path / "copy" / "code" / "models" / "__init__.py").write_text("import os\n")
    with pytest.raises(UnsafeArtifactError, match="was changed"):
        load_predictor(tmp_path / "copy")


def test_requests_that_wait_are_answered_in_one_call(copies):
    pipeline = Counting()
    predictor = SklearnPredictor(verify(copies / "scikit-learn"), pipeline)
    blocking = predictor.submit({"distance": np.array([1.0])})
    assert pipeline.begun.wait(20)
    waiting = [predictor.submit({"distance": np.array([float(place), 0.5])}) for place in range(10)]
    pipeline.go.set()
    assert blocking.result(20).tolist() == [2.0]
    assert [answer.result(20).tolist() for answer in waiting] == [[2.0 * place, 1.0] for place in range(10)]
    assert pipeline.asked == [1, 20]


def test_a_request_that_cannot_be_answered_does_not_spoil_those_beside_it(copies):
    pipeline = Counting()
    predictor = SklearnPredictor(verify(copies / "scikit-learn"), pipeline)
    blocking = predictor.submit({"distance": np.array([1.0])})
    assert pipeline.begun.wait(20)
    good, bad, nobody = (predictor.submit({"distance": np.array([value])}) for value in (3.0, -1.0, 4.0))
    assert nobody.cancel()
    pipeline.go.set()
    assert blocking.result(20).tolist() == [2.0]
    assert good.result(20).tolist() == [6.0]
    with pytest.raises(ValueError, match="a distance below 0"):
        bad.result(20)
    assert pipeline.asked == [1, 2, 1, 1]


def test_an_answer_that_is_no_number_is_none(copies):
    pipeline = Counting()
    pipeline.go.set()
    predictor = SklearnPredictor(verify(copies / "scikit-learn"), pipeline)
    with pytest.raises(BadDataError, match="1 of 2 answers are not finite numbers"):
        predictor.predict({"distance": np.array([1.0, np.nan])})


def test_the_thread_of_a_version_ends_when_nobody_holds_it_and_what_waits_is_answered(copies):
    pipeline = Counting()
    spec = verify(copies / "scikit-learn").model_copy(update={"version": 77})
    predictor = SklearnPredictor(spec, pipeline)
    first, second = (predictor.submit({"distance": np.array([value])}) for value in (1.0, 2.0))
    gone = weakref.ref(predictor)
    del predictor
    gc.collect()
    assert gone() is None
    (thread,) = [each for each in threading.enumerate() if each.name == "flight_delay v77"]
    pipeline.go.set()
    assert (first.result(20).tolist(), second.result(20).tolist()) == ([2.0], [4.0])
    thread.join(20)
    assert not thread.is_alive()


def test_scikit_learn_answers_on_one_thread(copies, sample):
    from threadpoolctl import threadpool_info

    seen = []

    class Looking(Counting):
        def predict(self, frame):
            seen.extend(pool["num_threads"] for pool in threadpool_info())
            return np.zeros(len(frame))

    SklearnPredictor(verify(copies / "scikit-learn"), Looking()).predict(sample[0])
    assert seen
    assert set(seen) == {1}
