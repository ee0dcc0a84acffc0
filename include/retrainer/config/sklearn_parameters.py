"""Constructor parameters of each estimator in scikit-learn 1.9, so that checking a declaration needs no import of it.

A test holds them against scikit-learn.
"""

_NAMES = {
    "sklearn.discriminant_analysis.LinearDiscriminantAnalysis": (
        "covariance_estimator n_components priors shrinkage solver store_covariance tol"
    ),
    "sklearn.dummy.DummyClassifier": "constant random_state strategy",
    "sklearn.dummy.DummyRegressor": "constant quantile strategy",
    "sklearn.ensemble.ExtraTreesClassifier": (
        "bootstrap ccp_alpha class_weight criterion max_depth max_features max_leaf_nodes max_samples "
        "min_impurity_decrease min_samples_leaf min_samples_split min_weight_fraction_leaf monotonic_cst "
        "n_estimators n_jobs oob_score random_state verbose warm_start"
    ),
    "sklearn.ensemble.ExtraTreesRegressor": (
        "bootstrap ccp_alpha criterion max_depth max_features max_leaf_nodes max_samples min_impurity_decrease "
        "min_samples_leaf min_samples_split min_weight_fraction_leaf monotonic_cst n_estimators n_jobs oob_score "
        "random_state verbose warm_start"
    ),
    "sklearn.ensemble.GradientBoostingClassifier": (
        "ccp_alpha criterion init learning_rate loss max_depth max_features max_leaf_nodes min_impurity_decrease "
        "min_samples_leaf min_samples_split min_weight_fraction_leaf n_estimators n_iter_no_change random_state "
        "subsample tol validation_fraction verbose warm_start"
    ),
    "sklearn.ensemble.GradientBoostingRegressor": (
        "alpha ccp_alpha criterion init learning_rate loss max_depth max_features max_leaf_nodes "
        "min_impurity_decrease min_samples_leaf min_samples_split min_weight_fraction_leaf n_estimators "
        "n_iter_no_change random_state subsample tol validation_fraction verbose warm_start"
    ),
    "sklearn.ensemble.HistGradientBoostingClassifier": (
        "categorical_features class_weight early_stopping interaction_cst l2_regularization learning_rate loss "
        "max_bins max_depth max_features max_iter max_leaf_nodes min_samples_leaf monotonic_cst n_iter_no_change "
        "random_state scoring tol validation_fraction verbose warm_start"
    ),
    "sklearn.ensemble.HistGradientBoostingRegressor": (
        "categorical_features early_stopping interaction_cst l2_regularization learning_rate loss max_bins "
        "max_depth max_features max_iter max_leaf_nodes min_samples_leaf monotonic_cst n_iter_no_change quantile "
        "random_state scoring tol validation_fraction verbose warm_start"
    ),
    "sklearn.ensemble.RandomForestClassifier": (
        "bootstrap ccp_alpha class_weight criterion max_depth max_features max_leaf_nodes max_samples "
        "min_impurity_decrease min_samples_leaf min_samples_split min_weight_fraction_leaf monotonic_cst "
        "n_estimators n_jobs oob_score random_state verbose warm_start"
    ),
    "sklearn.ensemble.RandomForestRegressor": (
        "bootstrap ccp_alpha criterion max_depth max_features max_leaf_nodes max_samples min_impurity_decrease "
        "min_samples_leaf min_samples_split min_weight_fraction_leaf monotonic_cst n_estimators n_jobs oob_score "
        "random_state verbose warm_start"
    ),
    "sklearn.linear_model.ElasticNet": (
        "alpha copy_X fit_intercept l1_ratio max_iter positive precompute random_state selection tol warm_start"
    ),
    "sklearn.linear_model.HuberRegressor": "alpha epsilon fit_intercept max_iter tol warm_start",
    "sklearn.linear_model.Lasso": (
        "alpha copy_X fit_intercept max_iter positive precompute random_state selection tol warm_start"
    ),
    "sklearn.linear_model.LinearRegression": "copy_X fit_intercept n_jobs positive tol",
    "sklearn.linear_model.LogisticRegression": (
        "C class_weight dual fit_intercept intercept_scaling l1_ratio max_iter n_jobs penalty random_state solver "
        "tol verbose warm_start"
    ),
    "sklearn.linear_model.PoissonRegressor": "alpha fit_intercept max_iter solver tol verbose warm_start",
    "sklearn.linear_model.Ridge": "alpha copy_X fit_intercept max_iter positive random_state solver tol",
    "sklearn.linear_model.RidgeClassifier": (
        "alpha class_weight copy_X fit_intercept max_iter positive random_state solver tol"
    ),
    "sklearn.linear_model.SGDClassifier": (
        "alpha average class_weight early_stopping epsilon eta0 fit_intercept l1_ratio learning_rate loss "
        "max_iter n_iter_no_change n_jobs penalty power_t random_state shuffle tol validation_fraction verbose "
        "warm_start"
    ),
    "sklearn.linear_model.SGDRegressor": (
        "alpha average early_stopping epsilon eta0 fit_intercept l1_ratio learning_rate loss max_iter "
        "n_iter_no_change penalty power_t random_state shuffle tol validation_fraction verbose warm_start"
    ),
    "sklearn.naive_bayes.GaussianNB": "priors var_smoothing",
    "sklearn.neighbors.KNeighborsClassifier": ("algorithm leaf_size metric metric_params n_jobs n_neighbors p weights"),
    "sklearn.neighbors.KNeighborsRegressor": ("algorithm leaf_size metric metric_params n_jobs n_neighbors p weights"),
    "sklearn.neural_network.MLPClassifier": (
        "activation alpha batch_size beta_1 beta_2 early_stopping epsilon hidden_layer_sizes learning_rate "
        "learning_rate_init max_fun max_iter momentum n_iter_no_change nesterovs_momentum power_t random_state "
        "shuffle solver tol validation_fraction verbose warm_start"
    ),
    "sklearn.neural_network.MLPRegressor": (
        "activation alpha batch_size beta_1 beta_2 early_stopping epsilon hidden_layer_sizes learning_rate "
        "learning_rate_init loss max_fun max_iter momentum n_iter_no_change nesterovs_momentum power_t "
        "random_state shuffle solver tol validation_fraction verbose warm_start"
    ),
    "sklearn.tree.DecisionTreeClassifier": (
        "ccp_alpha class_weight criterion max_depth max_features max_leaf_nodes min_impurity_decrease "
        "min_samples_leaf min_samples_split min_weight_fraction_leaf monotonic_cst random_state splitter"
    ),
    "sklearn.tree.DecisionTreeRegressor": (
        "ccp_alpha criterion max_depth max_features max_leaf_nodes min_impurity_decrease min_samples_leaf "
        "min_samples_split min_weight_fraction_leaf monotonic_cst random_state splitter"
    ),
}

PARAMETERS: dict[str, frozenset[str]] = {estimator: frozenset(names.split()) for estimator, names in _NAMES.items()}
"""Estimator: the names of its constructor parameters."""
