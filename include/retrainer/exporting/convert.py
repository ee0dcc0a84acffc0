"""A fitted pipeline as ONNX: everything after its first stage, row_features, which is the model's own code."""

import logging
from dataclasses import dataclass

from sklearn.pipeline import Pipeline

from retrainer.columns import Columns
from retrainer.contracts import ExportCheck
from retrainer.errors import UnsafeArtifactError
from retrainer.exporting.check import Expected, check_export
from retrainer.exporting.encode import add_encoding
from retrainer.exporting.estimators import add_estimator
from retrainer.exporting.graph import Graph, NotConvertibleError
from retrainer.exporting.onnx_model import OnnxModel

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Exported:
    """The model as ONNX, and how it compares; None where there is none that could serve: the check says why."""

    onnx: bytes | None
    check: ExportCheck


def export(pipeline: Pipeline, columns: Columns, expected: Expected) -> Exported:
    """Export a fitted pipeline, and hold it against what it said of `columns`, which are some rows after row_features.

    Whatever keeps it from being exported is a reason, never an error.
    """
    try:
        onnx = to_onnx(pipeline)
        check = check_export(OnnxModel(onnx), columns, expected)
    except (NotConvertibleError, UnsafeArtifactError) as error:
        return _without(str(error))
    except Exception as error:  # skl2onnx has no error of its own for what it did not foresee
        log.warning("the model could not be exported to ONNX", exc_info=True)
        return _without(f"cannot be converted: {type(error).__name__}: {error}")
    return Exported(onnx if check.runtime == "onnx" else None, check)


def to_onnx(pipeline: Pipeline) -> bytes:
    """The steps `encode` and `estimator` as an ONNX model. The same pipeline gives the same bytes.

    Its inputs are the declared columns, [rows, 1], texts as strings and numbers in double; its one output has a number
    (double) a row: a classifier's probability of class 1, or the value; NaN for a row that scikit-learn refuses.

    Raises:
        NotConvertibleError: something in the pipeline has no equal in ONNX.
    """
    graph = Graph()
    matrix = add_encoding(graph, pipeline["encode"])
    model = graph.finish(add_estimator(graph, matrix, pipeline["estimator"]))
    return bytes(model.SerializeToString(deterministic=True))


def _without(reason: str) -> Exported:
    return Exported(None, ExportCheck(runtime="scikit-learn", message=reason.splitlines()[0]))
