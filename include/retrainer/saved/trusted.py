"""Types that a saved model may contain: reviewed here, never taken from the model's own file.

skops loads scikit-learn's own estimators by itself. The types below are parts of the estimators in
`retrainer.config.estimators` that it does not trust by default: plain data without code of their own at load time.
`functools.partial` only binds arguments; the function inside it is checked against this list like any other.

The boosters of LightGBM 4.7 and XGBoost 3.2 hold their trees as text or bytes, and give these to their library's own
parser when they are loaded. It is written in C++ and runs no Python, and is no sandbox: as with everything else here,
what keeps a file of somebody else's away from it is the digest that is checked before a model is loaded.
"""

from pathlib import Path

from retrainer.errors import UnsafeArtifactError

_REVIEWED = (
    "collections.OrderedDict",
    "functools.partial",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "lightgbm.sklearn.LGBMRegressor",
    "numpy.dtype",
    "retrainer.columns.add_row_features",
    "sklearn._loss.link.HalfLogitLink",
    "sklearn._loss.link.IdentityLink",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogLink",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn._loss.loss.HalfPoissonLoss",
    "sklearn._loss.loss.HalfSquaredError",
    "sklearn.compose._column_transformer._RemainderColsList",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils.validation.check_array",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
    "xgboost.sklearn.XGBRegressor",
)


def trusted_types(feature_module: str) -> tuple[str, ...]:
    """The reviewed types, and the row_features function of the model's own module."""
    return (*_REVIEWED, f"{feature_module}.row_features")


def check_types(file: Path, feature_module: str) -> None:
    """Are all types in a skops file reviewed?

    Raises:
        UnsafeArtifactError: they are not; names those that are not. Nothing of the file was run.
    """
    import skops.io

    unreviewed = sorted(set(skops.io.get_untrusted_types(file=file)) - set(trusted_types(feature_module)))
    if unreviewed:
        raise UnsafeArtifactError(f"{file.name} holds types that nobody reviewed: {', '.join(unreviewed)}")
