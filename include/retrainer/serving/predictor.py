"""A version in memory: columns of records in, one number a record out.

ONNX answers where it is called, in a tenth of a millisecond. scikit-learn takes milliseconds and holds the interpreter
for most of them, so such a version has one thread of its own, which answers all requests that wait in one call.
"""

import queue
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from retrainer.columns import Columns, RowFeatures, number_of_rows, with_row_features
from retrainer.config.features import Features
from retrainer.contracts import InputField, ServingSpec
from retrainer.errors import BadDataError
from retrainer.saved import ONNX_FILE, load_saved
from retrainer.serving.load_own_code import load_own_code
from retrainer.serving.local_copy import verify
from retrainer.serving.together import Question, answer_together

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["Columns", "OnnxPredictor", "Predictor", "SklearnPredictor", "load_predictor"]

_MOST_ROWS = 4096
"""How many records scikit-learn is asked about in one call, unless a single request has more."""


class Predictor(Protocol):
    """A version that is loaded. It can be used from any thread."""

    spec: ServingSpec

    def predict(self, columns: Columns) -> NDArray[np.float64]:
        """One number (float64) a record: the probability of class 1, or the value.

        `columns` are those of the spec's fields, keys apart; one that is not there is missing in every record.

        Raises:
            BadDataError: an answer is not a finite number.
            Exception: whatever the model's own code raises.
        """


def load_predictor(folder: Path) -> Predictor:
    """The version whose local copy is `folder`.

    Raises:
        UnsafeArtifactError: the copy is not what was verified when it was made, or holds what nobody reviewed.
        ConfigurationError: the model's own code does not import.
    """
    spec = verify(folder)
    if spec.runtime == "onnx":
        return OnnxPredictor(spec, folder)
    loaded = load_saved(folder)
    return SklearnPredictor(spec, loaded.pipeline)


class OnnxPredictor:
    """The fitted pipeline as ONNX, after the row_features of the version's own code. Answers in the caller's thread."""

    def __init__(self, spec: ServingSpec, folder: Path) -> None:
        """Load the model in the local copy `folder`, which was verified."""
        from retrainer.exporting.onnx_model import OnnxModel

        self.spec = spec
        self._model = OnnxModel(folder / ONNX_FILE)
        module = str(Features.model_validate(spec.declaration["features"]).module)
        self._row_features: RowFeatures = load_own_code(folder, module).row_features
        self._missing = missing_values(spec.fields)

    def predict(self, columns: Columns) -> NDArray[np.float64]:
        """One number a record; see `Predictor`."""
        return self._model.predict(with_row_features(complete(columns, self._missing), self._row_features))


class SklearnPredictor:
    """The fitted pipeline itself, in a thread of its own that ends when nobody holds this any more."""

    def __init__(self, spec: ServingSpec, pipeline: "Pipeline") -> None:
        self.spec = spec
        self._missing = missing_values(spec.fields)
        self._waiting: queue.SimpleQueue[Question | None] = queue.SimpleQueue()
        thread = threading.Thread(
            target=_answer_all, args=(self._waiting, pipeline), name=f"{spec.model} v{spec.version}", daemon=True
        )
        thread.start()
        weakref.finalize(self, self._waiting.put, None)

    def submit(self, columns: Columns) -> Future[NDArray[np.float64]]:
        """What `predict` gives, when it is there: for a caller that must not wait."""
        answer: Future[NDArray[np.float64]] = Future()
        self._waiting.put(Question(complete(columns, self._missing), answer))
        return answer

    def predict(self, columns: Columns) -> NDArray[np.float64]:
        """One number a record; see `Predictor`."""
        return self.submit(columns).result()


def _answer_all(waiting: "queue.SimpleQueue[Question | None]", pipeline: "Pipeline") -> None:
    """Answer what waits, all of it in one call, until None comes."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1):
        for questions in _batches(waiting):
            started = [question for question in questions if _begun(question)]
            if started:
                answer_together(started, partial(_outputs, pipeline))


def _begun(question: Question) -> bool:
    """Whether somebody still waits for the answer."""
    assert isinstance(question.answer, Future)
    return question.answer.set_running_or_notify_cancel()


def _batches(waiting: "queue.SimpleQueue[Question | None]") -> Iterator[list[Question]]:
    """All that waits, each time something does, until None comes."""
    while (question := waiting.get()) is not None:
        together, rows = [question], question.rows
        while rows < _MOST_ROWS and not waiting.empty():
            another = waiting.get()
            if another is None:  # nothing comes after it
                waiting.put(None)
                break
            together.append(another)
            rows += another.rows
        yield together


def _outputs(pipeline: "Pipeline", columns: Columns) -> NDArray[np.float64]:
    import pandas as pd

    frame = pd.DataFrame(dict(columns))
    if not hasattr(pipeline, "classes_"):
        return finite(np.asarray(pipeline.predict(frame), dtype=np.float64))
    if hasattr(pipeline, "predict_proba"):
        return finite(np.asarray(pipeline.predict_proba(frame), dtype=np.float64)[:, 1])
    margin = np.asarray(pipeline.decision_function(frame), dtype=np.float64)
    return finite(1 / (1 + np.exp(-margin)))


def finite(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """`outputs`, each of which is a finite number.

    Raises:
        BadDataError: one is not.
    """
    bad = int((~np.isfinite(outputs)).sum())
    if bad:
        raise BadDataError(f"{bad} of {outputs.size} answers are not finite numbers")
    return outputs


def missing_values(fields: Sequence[InputField]) -> dict[str, Any]:
    """The columns that a model reads, which are the fields without the keys, and what stands for a missing value."""
    kinds = {"string": None, "timestamp": np.datetime64("NaT", "us")}
    return {field.name: kinds.get(field.type, np.nan) for field in fields if field.role != "key"}


def complete(columns: Columns, missing: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """The columns named in `missing` and no others; one that is not there is missing in every row."""
    if missing.keys() <= columns.keys():
        return {name: columns[name] for name in missing}
    rows = number_of_rows(columns)
    return {name: columns.get(name, np.full(rows, value)) for name, value in missing.items()}
