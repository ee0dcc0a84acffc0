"""What is said of two sets of answers: equal, not equal, or on either side of one half."""

import numpy as np
import pytest

from retrainer.contracts import ExportCheck
from retrainer.exporting.check import Expected, check_export
from tests.unit.exporting.fitted import examples, fitted


@pytest.fixture(scope="module")
def classifier():
    return fitted("ensemble.HistGradientBoostingClassifier")


@pytest.fixture(scope="module")
def regressor():
    return fitted("linear_model.Ridge")


def checked(model, outputs: np.ndarray, *, classifier: bool = True, tolerance: float = 1e-6) -> ExportCheck:
    expected = Expected(outputs, classifier=classifier, tolerance=tolerance, where="the holdout")
    return check_export(model.onnx, model.columns(examples().features), expected)


def test_equal_answers_are_served_by_onnx(classifier):
    check = checked(classifier, classifier.says(examples().features))
    assert (check.runtime, check.rows, check.tolerance) == ("onnx", 800, 1e-6)
    assert check.max_difference < 1e-14
    assert check.message.startswith("ONNX equals scikit-learn within 1e-06 on all 800 rows of the holdout (largest")
    assert check.message.endswith("); the classes are the same")


def test_one_answer_that_is_further_away_is_enough_to_stay_with_scikit_learn(classifier):
    outputs = classifier.says(examples().features)
    outputs[17] += 0.25
    check = checked(classifier, outputs)
    assert (check.runtime, round(check.max_difference, 9)) == ("scikit-learn", 0.25)
    assert "by more than 1e-06 on 1 of 800 rows of the holdout (largest difference 0.25)" in check.message


def test_a_row_within_the_tolerance_of_one_half_may_be_of_another_class_and_is_named(classifier):
    outputs = classifier.onnx_says(examples().features)
    nearest = np.abs(outputs - 0.5).argmin()
    distance = abs(outputs[nearest] - 0.5)
    outputs[nearest] = 1.0 - outputs[nearest]
    check = checked(classifier, outputs, tolerance=2.5 * distance)
    assert check.runtime == "onnx"
    assert check.message.endswith("; rows of another class because they are closer than that to 0.5: 1")
    strict = checked(classifier, outputs, tolerance=0.5 * distance)
    assert strict.runtime == "scikit-learn"
    assert strict.message.endswith("because they are closer than that to 0.5: 0, for no such reason: 1")


def test_numbers_may_differ_relative_to_the_largest_and_have_no_classes(regressor):
    outputs = regressor.says(examples().features)
    largest = np.abs(outputs).max()
    assert largest > 30
    close = checked(regressor, outputs + largest * 5e-7, classifier=False)
    far = checked(regressor, outputs + largest * 2e-6, classifier=False)
    assert (close.runtime, far.runtime) == ("onnx", "scikit-learn")
    assert close.max_difference == pytest.approx(5e-7, rel=1e-3)
    assert "class" not in close.message


def test_no_answer_at_all_is_a_reason(regressor):
    expected = Expected(np.zeros(1), classifier=False, tolerance=1e-6, where="the holdout")
    infinite = examples().features.head(1).assign(distance=np.inf)
    check = check_export(regressor.onnx, regressor.columns(infinite), expected)
    assert check.runtime == "scikit-learn"
    assert check.message == "ONNX gives no answer on the holdout: 1 of 1 predictions are not finite numbers"
