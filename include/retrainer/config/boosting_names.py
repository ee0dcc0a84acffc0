"""LightGBM's and XGBoost's estimators, and those of their parameters that a declaration may give.

Both libraries take any name, and pass over in silence what they do not know: here a name that is not listed is refused.
Listed are the parameters that shape the model, by one name each. Left out: files and addresses, what needs an object or
a second set of rows, and what Retrainer sets itself (categories, determinism, logs). Tests hold each name against the
library that is installed.
"""

from importlib.util import find_spec

from retrainer.config.sklearn_names import Task

BOOSTING: dict[str, Task] = {
    "lightgbm.LGBMClassifier": "classifier",
    "lightgbm.LGBMRegressor": "regressor",
    "xgboost.XGBClassifier": "classifier",
    "xgboost.XGBRegressor": "regressor",
}

LIGHTGBM_CONSTRUCTOR = (
    "boosting_type class_weight colsample_bytree importance_type learning_rate max_depth min_child_samples "
    "min_child_weight min_split_gain n_estimators n_jobs num_leaves objective random_state reg_alpha reg_lambda "
    "subsample subsample_for_bin subsample_freq"
)
LIGHTGBM_FURTHER = (
    "alpha boost_from_average cat_l2 cat_smooth data_sample_strategy device_type drop_rate enable_bundle extra_trees "
    "fair_c feature_fraction_bynode force_col_wise force_row_wise gpu_device_id gpu_platform_id gpu_use_dp "
    "histogram_pool_size interaction_constraints is_unbalance linear_lambda linear_tree max_bin max_cat_threshold "
    "max_cat_to_onehot max_delta_step max_drop min_data_in_bin min_data_per_group monotone_constraints "
    "monotone_constraints_method monotone_penalty other_rate path_smooth poisson_max_delta_step reg_sqrt "
    "scale_pos_weight sigmoid skip_drop top_rate tweedie_variance_power uniform_drop xgboost_dart_mode"
)
XGBOOST_CONSTRUCTOR = (
    "base_score booster colsample_bylevel colsample_bynode colsample_bytree device gamma grow_policy importance_type "
    "interaction_constraints learning_rate max_bin max_cat_threshold max_cat_to_onehot max_delta_step max_depth "
    "max_leaves min_child_weight monotone_constraints n_estimators n_jobs num_parallel_tree objective random_state "
    "reg_alpha reg_lambda sampling_method scale_pos_weight subsample tree_method"
)
XGBOOST_FURTHER = (
    "huber_slope normalize_type one_drop quantile_alpha rate_drop sample_type skip_drop tweedie_variance_power"
)

_OF_LIBRARY = {
    "lightgbm": frozenset(f"{LIGHTGBM_CONSTRUCTOR} {LIGHTGBM_FURTHER}".split()),
    "xgboost": frozenset(f"{XGBOOST_CONSTRUCTOR} {XGBOOST_FURTHER}".split()),
}
BOOSTING_PARAMETERS = {estimator: _OF_LIBRARY[estimator.partition(".")[0]] for estimator in BOOSTING}
"""Estimator: the names of its parameters."""


def missing_library(estimator: str) -> str | None:
    """What keeps an estimator of another library from being used here, in words; None if nothing does.

    The library is looked for, not imported.
    """
    library = estimator.partition(".")[0]
    if estimator not in BOOSTING or find_spec(library) is not None:
        return None
    return f"{estimator} needs {library}, which is not installed here: install retrainer[boosting]"
