"""LightGBM and XGBoost: the same from the same rows, categories as categories, and nothing passed over in silence."""

import re
import sys
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
import skops.io

from retrainer.columns import columns_of
from retrainer.config.boosting_names import BOOSTING
from retrainer.contracts import Interval, ServingSpec
from retrainer.contracts.serving import InputField
from retrainer.errors import BadDataError, ConfigurationError
from retrainer.evaluation import predictions_of
from retrainer.exporting.check import Expected
from retrainer.exporting.convert import export
from retrainer.features import feature_columns
from retrainer.saved import content_digest, trusted_types
from retrainer.serving.predictor import SklearnPredictor
from retrainer.training import Examples, fit, labelled_examples
from tests.unit.training.test_training import declared
from tests.worlds import FIRST, feature_table, small_config

FEW = {"n_estimators": 8}
SAMPLED = {
    "lightgbm": {"subsample": 0.6, "subsample_freq": 1, "colsample_bytree": 0.6},
    "xgboost": {"subsample": 0.6, "colsample_bytree": 0.6},
}


@pytest.fixture(scope="module")
def config():
    return small_config()


@pytest.fixture(scope="module")
def examples(config) -> Examples:
    window = Interval(start=FIRST, end=FIRST + timedelta(days=10))
    frame = feature_table(config, window.start, window.end, rows_a_day=60, signal=2.0, seed=0).to_pandas()
    return labelled_examples(frame, window=window, known_by=window.end, columns=feature_columns(config))


def fitted(config, estimator: str, examples: Examples, **parameters):
    parameters = {**FEW, **parameters}
    return fit(declared(config, estimator, **parameters), examples, parameters=parameters)


@pytest.mark.parametrize("estimator", BOOSTING)
def test_the_same_seed_gives_the_same_model_to_the_byte_and_another_seed_another(estimator, config, examples):
    sampled = SAMPLED[estimator.partition(".")[0]]
    one, same = (fitted(config, estimator, examples, **sampled) for _ in range(2))
    assert content_digest(one) == content_digest(same)
    seeded = config.model_copy(update={"seed": config.seed + 1})
    other = fitted(seeded, estimator, examples, **sampled)
    assert content_digest(one) != content_digest(other)


@pytest.mark.parametrize("estimator", BOOSTING)
def test_categories_are_not_taken_for_numbers(estimator, config, examples):
    # The label hangs on one letter in the middle: a threshold on codes needs two cuts, a set of categories one.
    letters = np.array(list("abcde"))[np.arange(len(examples)) % 5]
    label = (letters == "c").astype(float)
    changed = Examples(examples.features.assign(carrier=letters), label, examples.block)
    stump = fitted(config, estimator, changed, max_depth=1, n_estimators=1, learning_rate=1.0)
    outputs = predictions_of(stump, changed.features).output
    assert {letter: len(set(outputs[letters == letter])) for letter in "abcde"} == dict.fromkeys("abcde", 1)
    assert outputs[letters == "c"].min() > outputs[letters != "c"].max()
    assert len(set(outputs)) == 2


@pytest.mark.parametrize("estimator", BOOSTING)
def test_unseen_categories_and_missing_values_can_be_predicted(estimator, config, examples):
    pipeline = fitted(config, estimator, examples)
    strange = examples.features.head(5).assign(carrier="never seen", weather__temp=np.nan, dest=None)
    assert np.isfinite(predictions_of(pipeline, strange).output).all()


@pytest.mark.parametrize(
    ("estimator", "parameters", "message"),
    [
        ("xgboost.XGBClassifier", {"device": "cuda"}, "Device is changed from GPU to CPU"),
        ("xgboost.XGBRegressor", {"rate_drop": 0.1}, 'Parameters: { "rate_drop" } are not used'),
        ("xgboost.XGBRegressor", {"booster": "gblinear"}, "booster must be 'gbtree' or 'dart', got 'gblinear'"),
        ("lightgbm.LGBMClassifier", {"device_type": "cuda"}, "CUDA Tree Learner was not enabled in this build"),
        ("lightgbm.LGBMRegressor", {"device_type": "gpu"}, "OpenCL"),
        ("lightgbm.LGBMRegressor", {"num_leafs": 3}, "lightgbm.LGBMRegressor has no num_leafs"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_what_the_library_would_pass_over_is_a_mistake(estimator, parameters, message, config, examples):
    with pytest.raises(ConfigurationError, match=re.escape(message)) as raised:
        fitted(config, estimator, examples, **parameters)
    assert not re.search(r"/workspace|/__w|\.cc:", str(raised.value))


@pytest.mark.parametrize(
    ("estimator", "parameters", "message"),
    [
        ("xgboost.XGBClassifier", {"max_depth": "deep"}, "expect int but value='deep'"),
        ("xgboost.XGBRegressor", {"objective": "reg:typo"}, "Unknown objective function: `reg:typo`"),
        ("lightgbm.LGBMRegressor", {"objective": "typo"}, "Unknown objective type name: typo"),
        ("lightgbm.LGBMClassifier", {"num_leaves": 1}, "(num_leaves) > (1)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_a_value_that_the_library_refuses_is_named_in_its_words(estimator, parameters, message, config, examples):
    with pytest.raises(BadDataError, match=re.escape(message)):
        fitted(config, estimator, examples, **parameters)


@pytest.mark.parametrize("estimator", BOOSTING)
def test_without_the_library_the_error_names_the_extra(estimator, config, examples, monkeypatch):
    monkeypatch.setattr("retrainer.config.boosting_names.find_spec", lambda _: None)
    with pytest.raises(ConfigurationError, match=r"needs \w+, which is not installed here: install retrainer\[boost"):
        fitted(config, estimator, examples)


def test_neither_library_is_imported_for_a_model_that_does_not_name_it(config, examples):
    import subprocess

    code = (
        "import sys, retrainer.training, retrainer.saved, retrainer.config.declaration\n"
        "print(sorted({'lightgbm', 'xgboost'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_search_goes_over_the_parameters_of_a_boosted_model(config, examples):
    from retrainer.config.estimator import Range, Search
    from retrainer.training import search_parameters

    search = Search(trials=3, space={"num_leaves": Range(low=4, high=16)})
    changed = declared(config, "lightgbm.LGBMClassifier", **FEW)
    changed = changed.model_copy(update={"estimator": changed.estimator.model_copy(update={"search": search})})
    found = [search_parameters(changed, examples, on_trial=lambda _: None) for _ in range(2)]
    assert found[0] == found[1]
    assert 4 <= found[0]["num_leaves"] <= 16
    assert pd.notna(found[0]["n_estimators"])


@pytest.mark.parametrize("estimator", BOOSTING)
def test_what_is_saved_loaded_and_served_says_what_was_fitted(estimator, config, examples):
    pipeline = fitted(config, estimator, examples, **SAMPLED[estimator.partition(".")[0]])
    types = list(trusted_types(config.features.module))
    loaded = skops.io.loads(skops.io.dumps(pipeline), trusted=types)
    assert content_digest(loaded) == content_digest(pipeline)
    kinds = {"O": "string", "M": "timestamp", "f": "float"}
    columns = columns_of(examples.features)
    fields = [
        InputField(name=name, type=kinds[values.dtype.kind], required=True, role="input")
        for name, values in columns.items()
    ]
    served = SklearnPredictor(ServingSpec.model_construct(model="m", version=1, fields=tuple(fields)), loaded)
    expected = predictions_of(pipeline, examples.features).output
    assert served.predict(columns).tobytes() == expected.tobytes()


def test_an_export_says_that_there_is_no_converter(config, examples):
    pipeline = fitted(config, "xgboost.XGBClassifier", examples)
    exported = export(pipeline, columns_of(examples.features), Expected(np.zeros(1), True, 1e-6, "a sample"))
    assert exported.onnx is None
    assert exported.check.message == "XGBClassifier is not one of scikit-learn's: there is no converter"
