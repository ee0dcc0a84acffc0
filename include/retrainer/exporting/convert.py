"""A fitted pipeline as ONNX: everything after its first stage, row_features, which is the model's own code."""

from sklearn.pipeline import Pipeline

from retrainer.exporting.encode import add_encoding
from retrainer.exporting.estimators import add_estimator
from retrainer.exporting.graph import Graph


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
