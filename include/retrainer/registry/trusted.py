"""Types that a saved model may contain: reviewed here, never taken from the model's own file.

skops loads scikit-learn's own estimators by itself. The types below are helpers of the estimators in
`retrainer.config.sklearn_names` that it does not trust by default: plain data without code of their own at load time.
"""

_REVIEWED = (
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
)


def trusted_types(feature_module: str) -> tuple[str, ...]:
    """The reviewed types, and the row_features function of the model's own module."""
    return (*_REVIEWED, f"{feature_module}.row_features")
