"""The estimator as ONNX: ensembles of trees by `trees`, all others by skl2onnx."""

import numpy as np
from onnx import TensorProto
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType
from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator
from sklearn.base import BaseEstimator, is_classifier
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import get_tags

from retrainer.exporting.graph import OPSET, Graph, NotConvertibleError
from retrainer.exporting.trees import add_trees, boosted_trees, tree_of

_HIST_GRADIENT_BOOSTING = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
_GRADIENT_BOOSTING = (GradientBoostingClassifier, GradientBoostingRegressor)
_TREES = (DecisionTreeClassifier, DecisionTreeRegressor)
_NEIGHBORS = (KNeighborsClassifier, KNeighborsRegressor)
_FORESTS = (RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier, ExtraTreesRegressor)

_ML_OPSET = 3
"""The newest that skl2onnx 1.20 knows; what it makes of the estimators below is the same in later ones."""


def add_estimator(graph: Graph, matrix: str, estimator: BaseEstimator) -> str:
    """What a fitted estimator says of each row of `matrix` (double), [rows, 1]: a classifier's probability of class 1
    (without one, its decision function squashed), or the number.

    Raises:
        NotConvertibleError: there is no way to say it in ONNX.
    """
    if isinstance(estimator, _HIST_GRADIENT_BOOSTING):
        return _hist_gradient_boosting(graph, matrix, estimator)
    if isinstance(estimator, _GRADIENT_BOOSTING):
        return _gradient_boosting(graph, _in_single_precision(graph, matrix, estimator), estimator)
    if isinstance(estimator, _TREES + _FORESTS):
        return _forest(graph, _in_single_precision(graph, matrix, estimator), estimator)
    if isinstance(estimator, _NEIGHBORS):  # 9 ms a row with 800 rows of training, and 60,000 are usual
        raise NotConvertibleError(
            f"{type(estimator).__name__} as ONNX looks at every row of the training to answer one"
        )
    if not type(estimator).__module__.startswith("sklearn."):
        raise NotConvertibleError(f"{type(estimator).__name__} is not one of scikit-learn's: there is no converter")
    return _by_skl2onnx(graph, _finite(graph, matrix, estimator), estimator)


def _hist_gradient_boosting(graph: Graph, matrix: str, estimator: BaseEstimator) -> str:
    start = np.asarray(estimator._baseline_prediction, dtype=np.float64).reshape(1, 1)
    raw = graph.node("Add", [add_trees(graph, matrix, boosted_trees(estimator)), graph.constant(start)])
    if is_classifier(estimator):
        return graph.node("Sigmoid", [raw])
    return graph.node("Exp", [raw]) if estimator.loss in ("poisson", "gamma") else raw


def _gradient_boosting(graph: Graph, matrix: str, estimator: BaseEstimator) -> str:
    if estimator.init not in (None, "zero"):
        raise NotConvertibleError("GradientBoosting that starts from another estimator has no equal in ONNX")
    start = estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_), dtype=np.float32))
    fitted = [each.tree_ for each in estimator.estimators_[:, 0]]
    trees = [tree_of(tree, tree.value[:, 0, 0] * estimator.learning_rate) for tree in fitted]
    raw = graph.node("Add", [add_trees(graph, matrix, trees), graph.constant(np.asarray(start, dtype=np.float64))])
    if not is_classifier(estimator):
        return raw
    if estimator.loss == "exponential":
        raw = graph.node("Add", [raw, raw])
    return graph.node("Sigmoid", [raw])


def _forest(graph: Graph, matrix: str, estimator: BaseEstimator) -> str:
    """The mean of the trees, each of which has shares of the classes, or a mean, in its leaves."""
    grown = [estimator] if isinstance(estimator, _TREES) else estimator.estimators_
    fitted = [each.tree_ for each in grown]
    wanted = 1 if is_classifier(estimator) else 0
    trees = [tree_of(tree, tree.value[:, 0, wanted] / len(fitted)) for tree in fitted]
    return add_trees(graph, matrix, trees)


def _in_single_precision(graph: Graph, matrix: str, estimator: BaseEstimator) -> str:
    """These trees learn and predict from values rounded to single precision, and compare them in double."""
    single = graph.node("Cast", [matrix], to=TensorProto.FLOAT)
    return graph.node("Cast", [_finite(graph, single, estimator)], to=TensorProto.DOUBLE)


def _finite(graph: Graph, matrix: str, estimator: BaseEstimator) -> str:
    """`matrix`; rows with a value that the estimator refuses are refused."""
    graph.refuse_where(graph.node("IsInf", [matrix]))
    if not get_tags(estimator).input_tags.allow_nan:
        graph.refuse_where(graph.node("IsNaN", [matrix]))
    return matrix


def _by_skl2onnx(graph: Graph, matrix: str, estimator: BaseEstimator) -> str:
    converted = _logistic(estimator) if is_classifier(estimator) else estimator
    try:
        model = to_onnx(
            converted,
            initial_types=[("matrix", DoubleTensorType([None, estimator.n_features_in_]))],
            options={id(converted): {"zipmap": False}} if is_classifier(estimator) else None,
            target_opset={"": OPSET, "ai.onnx.ml": _ML_OPSET},
        )
    except (MissingShapeCalculator, MissingConverter) as error:
        raise NotConvertibleError(f"skl2onnx has no converter for {type(estimator).__name__}") from error
    output = graph.embed(model, given=matrix)
    if is_classifier(estimator):
        output = graph.node("Gather", [output, graph.constant(np.array([1]))], axis=1)
    return graph.node("Reshape", [output, graph.constant(np.array([-1, 1]))])


def _logistic(estimator: BaseEstimator) -> BaseEstimator:
    """A classifier whose answer is its linear decision function squashed, as a logistic regression, which it equals.

    skl2onnx 1.20 squashes that of LinearDiscriminantAnalysis twice as steeply as scikit-learn.
    """
    if hasattr(estimator, "predict_proba") and not isinstance(estimator, LinearDiscriminantAnalysis):
        return estimator
    equal = LogisticRegression()
    equal.classes_, equal.n_features_in_ = estimator.classes_, estimator.n_features_in_
    equal.coef_, equal.intercept_ = estimator.coef_.reshape(1, -1), np.reshape(estimator.intercept_, -1)
    return equal
