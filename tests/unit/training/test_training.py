"""Examples, pipelines and searches: seeded, and every estimator that may be declared can be fitted and saved."""

import io
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
import skops.io

from retrainer.config.estimator import Choices, Range, Search
from retrainer.config.estimators import ESTIMATORS
from retrainer.contracts import Interval
from retrainer.errors import BadDataError, ConfigurationError
from retrainer.evaluation import learning_curve, predictions_of
from retrainer.features import feature_columns
from retrainer.saved import trusted_types
from retrainer.training import Examples, build_pipeline, check_examples, fit, labelled_examples, search_parameters
from tests.worlds import FIRST, feature_table, small_config

DAYS = 10


@pytest.fixture(scope="module")
def config():
    return small_config()


@pytest.fixture(scope="module")
def frame(config) -> pd.DataFrame:
    return feature_table(config, FIRST, FIRST + timedelta(days=DAYS), rows_a_day=40, signal=2.0, seed=0).to_pandas()


@pytest.fixture(scope="module")
def examples(config, frame) -> Examples:
    return everything(config, frame)


def everything(config, frame: pd.DataFrame) -> Examples:
    window = Interval(start=FIRST, end=FIRST + timedelta(days=DAYS))
    return labelled_examples(frame, window=window, known_by=window.end, columns=feature_columns(config))


def declared(config, estimator: str, **parameters):
    """The declaration with another estimator, and a metric that fits it."""
    metric = "roc_auc" if ESTIMATORS[estimator] == "classifier" else "neg_mean_absolute_error"
    return config.model_copy(
        update={
            "estimator": config.estimator.model_copy(update={"type": estimator, "parameters": parameters}),
            "evaluation": config.evaluation.model_copy(update={"metric": metric}),
        }
    )


def test_examples_end_with_the_window_and_with_what_was_known(config, frame):
    window = Interval(start=FIRST + timedelta(days=2), end=FIRST + timedelta(days=5))
    all_known = labelled_examples(frame, window=window, known_by=FIRST + timedelta(days=9), columns=("carrier",))
    some_known = labelled_examples(frame, window=window, known_by=FIRST + timedelta(days=4), columns=("carrier",))
    assert len(all_known) == 3 * 40
    assert 2 * 40 - 10 < len(some_known) <= 2 * 40
    assert list(all_known.features.columns) == ["carrier"]


def test_rows_without_a_usable_label_are_no_examples(config, frame):
    broken = frame.copy()
    broken.loc[:9, "label"] = np.nan
    broken.loc[10:19, "label"] = np.inf
    broken.loc[20:29, "_known_at"] = pd.NaT
    assert len(everything(config, broken)) == len(frame) - 30


def test_an_empty_table_gives_no_examples_and_stops_the_training(config, frame):
    none = everything(config, frame.head(0))
    assert len(none) == 0
    with pytest.raises(BadDataError, match="training window has 0 labelled rows"):
        check_examples(config, none)


def test_one_class_stops_the_training(config, frame):
    with pytest.raises(BadDataError, match="one class only: every label is 1"):
        check_examples(config, everything(config, frame.assign(label=1.0)))


@pytest.mark.parametrize("estimator", sorted(ESTIMATORS))
def test_every_estimator_that_may_be_declared_fits_predicts_and_is_saved_without_unreviewed_types(
    estimator, config, examples
):
    fast = {"MLP": {"max_iter": 30}, "Forest": {"n_estimators": 5}, "ExtraTrees": {"n_estimators": 5}}
    parameters = next((value for name, value in fast.items() if name in estimator), {})
    changed = declared(config, estimator, **parameters)
    positive = Examples(examples.features, examples.label + 0.0, examples.block)
    pipeline = fit(changed, positive, parameters=parameters)
    before = predictions_of(pipeline, examples.features).output
    file = io.BytesIO()
    skops.io.dump(pipeline, file)
    unreviewed = set(skops.io.get_untrusted_types(data=file.getvalue())) - set(trusted_types(config.features.module))
    assert unreviewed == set()
    loaded = skops.io.loads(file.getvalue(), trusted=list(trusted_types(config.features.module)))
    assert predictions_of(loaded, examples.features).output.tobytes() == before.tobytes()
    assert np.isfinite(before).all()


@pytest.mark.parametrize(
    "estimator", ["sklearn.ensemble.HistGradientBoostingClassifier", "sklearn.linear_model.LogisticRegression"]
)
def test_unseen_categories_and_missing_values_can_be_predicted(estimator, config, examples):
    pipeline = fit(declared(config, estimator), examples, parameters={})
    strange = examples.features.head(5).assign(carrier="never seen", weather__temp=np.nan, dest=None)
    assert predictions_of(pipeline, strange).output.shape == (5,)


def test_fitting_twice_gives_the_same_bytes(config, examples):
    outputs = [
        predictions_of(fit(config, examples, parameters={"max_iter": 10}), examples.features).output.tobytes()
        for _ in range(2)
    ]
    assert outputs[0] == outputs[1]


def test_the_declared_seed_reaches_the_estimator(config):
    pipeline = build_pipeline(config.model_copy(update={"seed": 99}), parameters={})
    assert pipeline["estimator"].random_state == 99


def test_a_parameter_that_the_estimator_has_not_is_named(config):
    with pytest.raises(ConfigurationError, match="HistGradientBoostingClassifier has no depth"):
        build_pipeline(config, parameters={"depth": 3})


def test_a_column_that_row_features_does_not_make_is_named(config, examples):
    features = config.features.model_copy(update={"numeric": ("weekday", "moon_phase")})
    with pytest.raises(ConfigurationError, match="does not make moon_phase"):
        fit(config.model_copy(update={"features": features}), examples, parameters={})


def test_a_search_is_seeded_reports_its_trials_and_lays_the_best_over_the_declared(config, examples):
    space = {"learning_rate": Range(low=0.01, high=0.3, log=True), "max_leaf_nodes": Choices(choices=(7, 15))}
    searched = config.model_copy(
        update={"estimator": config.estimator.model_copy(update={"search": Search(trials=3, space=space)})}
    )
    seen = []
    first = search_parameters(searched, examples, on_trial=seen.append)
    again = search_parameters(searched, examples, on_trial=lambda _: None)
    assert first == again
    assert [trial.number for trial in seen] == [0, 1, 2]
    assert first["max_iter"] == 20
    best = max(seen, key=lambda trial: trial.score)
    assert best.parameters.items() <= first.items()


def test_without_a_search_the_declared_parameters_are_used(config, examples):
    assert search_parameters(config, examples, on_trial=lambda _: None) == config.estimator.parameters


def test_a_boosted_model_has_a_learning_curve_and_another_one_a_point(config, examples):
    boosted = fit(config, examples, parameters={"max_iter": 20, "early_stopping": False})
    linear = fit(declared(config, "sklearn.linear_model.LogisticRegression"), examples, parameters={})
    curve = learning_curve("roc_auc", boosted, examples.features, examples.label)
    assert next(iter(curve)) == 0
    assert list(curve)[-1] == 19
    assert curve[19] > curve[0] > 0.5
    assert list(learning_curve("roc_auc", linear, examples.features, examples.label)) == [0]
