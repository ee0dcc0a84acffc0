"""Estimators and metrics that a declaration may name, so that checking one needs no import of scikit-learn.

Estimators: those of scikit-learn 1.9 that learn from a table by themselves and whose saved types were reviewed.
Metrics: scikit-learn scorers (larger is better) for a binary label or a number. A test holds every name against
scikit-learn.
"""

from typing import Literal

Task = Literal["classifier", "regressor"]

ESTIMATORS: dict[str, Task] = {
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis": "classifier",
    "sklearn.dummy.DummyClassifier": "classifier",
    "sklearn.dummy.DummyRegressor": "regressor",
    "sklearn.ensemble.ExtraTreesClassifier": "classifier",
    "sklearn.ensemble.ExtraTreesRegressor": "regressor",
    "sklearn.ensemble.GradientBoostingClassifier": "classifier",
    "sklearn.ensemble.GradientBoostingRegressor": "regressor",
    "sklearn.ensemble.HistGradientBoostingClassifier": "classifier",
    "sklearn.ensemble.HistGradientBoostingRegressor": "regressor",
    "sklearn.ensemble.RandomForestClassifier": "classifier",
    "sklearn.ensemble.RandomForestRegressor": "regressor",
    "sklearn.linear_model.ElasticNet": "regressor",
    "sklearn.linear_model.HuberRegressor": "regressor",
    "sklearn.linear_model.Lasso": "regressor",
    "sklearn.linear_model.LinearRegression": "regressor",
    "sklearn.linear_model.LogisticRegression": "classifier",
    "sklearn.linear_model.PoissonRegressor": "regressor",
    "sklearn.linear_model.Ridge": "regressor",
    "sklearn.linear_model.RidgeClassifier": "classifier",
    "sklearn.linear_model.SGDClassifier": "classifier",
    "sklearn.linear_model.SGDRegressor": "regressor",
    "sklearn.naive_bayes.GaussianNB": "classifier",
    "sklearn.neighbors.KNeighborsClassifier": "classifier",
    "sklearn.neighbors.KNeighborsRegressor": "regressor",
    "sklearn.neural_network.MLPClassifier": "classifier",
    "sklearn.neural_network.MLPRegressor": "regressor",
    "sklearn.tree.DecisionTreeClassifier": "classifier",
    "sklearn.tree.DecisionTreeRegressor": "regressor",
}

METRICS: dict[str, Task] = {
    "accuracy": "classifier",
    "average_precision": "classifier",
    "balanced_accuracy": "classifier",
    "d2_absolute_error_score": "regressor",
    "d2_brier_score": "classifier",
    "d2_log_loss_score": "classifier",
    "explained_variance": "regressor",
    "f1": "classifier",
    "f1_macro": "classifier",
    "f1_micro": "classifier",
    "f1_weighted": "classifier",
    "jaccard": "classifier",
    "matthews_corrcoef": "classifier",
    "neg_brier_score": "classifier",
    "neg_log_loss": "classifier",
    "neg_max_error": "regressor",
    "neg_mean_absolute_error": "regressor",
    "neg_mean_absolute_percentage_error": "regressor",
    "neg_mean_poisson_deviance": "regressor",
    "neg_mean_squared_error": "regressor",
    "neg_median_absolute_error": "regressor",
    "neg_root_mean_squared_error": "regressor",
    "precision": "classifier",
    "r2": "regressor",
    "recall": "classifier",
    "roc_auc": "classifier",
}
