"""LightGBM's and XGBoost's estimators and parameters against the libraries that are installed."""

import importlib
import inspect
import re
from pathlib import Path

import pytest
from sklearn.base import is_classifier, is_regressor

from retrainer.config import boosting_names as names
from retrainer.config.estimator import Estimator
from retrainer.config.load import load_declaration
from retrainer.config.problem import DeclarationError

DECLARATION = Path(__file__).parents[3] / "config" / "models" / "flight_delay.yaml"
_SET_FOR_YOU = {"enable_categorical", "feature_types", "missing", "validate_parameters", "verbosity"}
_NEEDS_MORE_THAN_A_TABLE = {"callbacks", "early_stopping_rounds", "eval_metric", "feature_weights", "multi_strategy"}


@pytest.mark.parametrize("estimator", names.BOOSTING)
def test_an_estimator_is_a_class_of_the_kind_that_is_stated(estimator: str) -> None:
    module, _, name = estimator.rpartition(".")
    made = getattr(importlib.import_module(module), name)()
    assert is_classifier(made) == (names.BOOSTING[estimator] == "classifier")
    assert is_regressor(made) == (names.BOOSTING[estimator] == "regressor")


def test_lightgbms_parameters_are_those_of_its_constructors_and_further_ones_that_it_knows() -> None:
    import lightgbm
    from lightgbm.basic import _ConfigAliases

    for estimator in (lightgbm.LGBMClassifier, lightgbm.LGBMRegressor):
        assert set(inspect.signature(estimator).parameters) - {"kwargs"} == set(names.LIGHTGBM_CONSTRUCTOR.split())
    assert set(names.LIGHTGBM_FURTHER.split()) <= set(_ConfigAliases._get_all_param_aliases())


def test_xgboosts_parameters_are_those_of_its_constructors_but_what_is_set_for_you() -> None:
    import xgboost

    for estimator in (xgboost.XGBClassifier, xgboost.XGBRegressor):
        left_out = set(estimator().get_params()) - set(names.XGBOOST_CONSTRUCTOR.split())
        assert left_out == _SET_FOR_YOU | _NEEDS_MORE_THAN_A_TABLE
        assert set(names.XGBOOST_CONSTRUCTOR.split()) <= set(estimator().get_params())


def test_no_parameter_names_a_file_or_an_address() -> None:
    listed = set().union(*names.BOOSTING_PARAMETERS.values())
    assert not [name for name in listed if any(part in name for part in ("file", "machine", "output", "snapshot"))]


@pytest.mark.parametrize(
    ("estimator", "wrong", "meant"),
    [
        ("lightgbm.LGBMClassifier", "num_leafs", "num_leaves"),
        ("lightgbm.LGBMRegressor", "learning_rat", "learning_rate"),
        ("xgboost.XGBClassifier", "max_dept", "max_depth"),
        ("xgboost.XGBRegressor", "n_estimator", "n_estimators"),
    ],
)
def test_a_misspelt_parameter_is_refused_with_the_nearest_one(estimator: str, wrong: str, meant: str) -> None:
    name = estimator.rpartition(".")[2]
    with pytest.raises(ValueError, match=f"unknown parameter of {name} '{wrong}'; did you mean '{meant}'"):
        Estimator(type=estimator, parameters={wrong: 1})


def test_a_misspelt_library_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match=r"did you mean 'lightgbm.LGBMClassifier'"):
        Estimator(type="lightgbm.LGBClassifier")


def messages(path: Path) -> list[str]:
    """What is wrong with a declaration."""
    try:
        load_declaration(path)
    except DeclarationError as error:
        return [problem.message for problem in error.problems if problem.key == "estimator.type"]
    return []


def test_a_check_says_that_the_library_is_missing_where_the_steps_run_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = DECLARATION.read_text(encoding="utf-8")
    type_, parameters = re.findall(r"^  (?:type: (.*)|(parameters: .*))$", text, re.MULTILINE)[:2]
    text = text.replace(type_[0], "lightgbm.LGBMClassifier").replace(parameters[1], "parameters: { num_leaves: 7 }")
    path = tmp_path / DECLARATION.name
    path.write_text(text, encoding="utf-8")
    assert messages(path) == []
    monkeypatch.setattr(names, "find_spec", lambda _: None)
    needs = "lightgbm.LGBMClassifier needs lightgbm, which is not installed here: install retrainer[boosting]"
    assert messages(path) == [needs]
    path.write_text(text.replace("kind: process", "kind: docker"), encoding="utf-8")
    assert messages(path) == []
