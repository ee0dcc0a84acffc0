"""Each gate by itself, on cases worked out by hand: it passes, it fails, it cannot be computed and so fails."""

import numpy as np
import pandas as pd
import pytest

from retrainer.config.declaration import CanonicalCase
from retrainer.evaluation import (
    Predictions,
    canonical_failures,
    time_predictions,
)
from retrainer.evaluation.calibration import calibration_gate, expected_calibration_error
from retrainer.evaluation.canonical import canonical_gate
from retrainer.evaluation.gain import baseline_gate, champion_gate, floor_gate
from retrainer.evaluation.input_schema import input_schema_gate, kind_of
from retrainer.evaluation.latency import latency_gate, size_gate
from tests.factories import make_config
from tests.unit.evaluation.judged import REGRESSION, inputs, measured, pipeline, regressor

# Against champion, rule and floor


@pytest.mark.parametrize(
    ("low", "high", "passed", "words"),
    [
        (0.01, 0.19, True, "better than champion v3: roc_auc 0.7000 against 0.6000, difference +0.1000"),
        (-0.01, 0.21, False, "not shown to be better than champion v3: "),
        (0.0, 0.0, False, "not shown to be better than champion v3: "),
        (-0.3, -0.1, False, "worse than champion v3: "),
        (np.nan, np.nan, False, "roc_auc against champion v3 is undefined on the holdout"),
    ],
)
def test_superiority_needs_an_interval_above_the_gain(low, high, passed, words):
    gate = champion_gate(make_config(), 3, measured(low, high))
    assert (gate.name, gate.passed, gate.threshold) == ("superiority", passed, 0.0)
    assert gate.message.startswith(words)


def test_superiority_by_a_gain_needs_the_interval_above_that_gain():
    gate = champion_gate(make_config(gates={"min_gain": 0.05}), 3, measured(0.01, 0.19))
    assert not gate.passed
    assert "not shown to be better than champion v3 by more than 0.05" in gate.message


@pytest.mark.parametrize(("low", "passed"), [(-0.019, True), (-0.021, False), (-0.02, False), (np.nan, False)])
def test_non_inferiority_needs_an_interval_above_minus_the_margin(low, passed):
    config = make_config(gates={"test": "non_inferiority", "margin": 0.02})
    gate = champion_gate(config, 3, measured(low, 0.03))
    assert (gate.name, gate.passed, gate.threshold) == ("non_inferiority", passed, -0.02)


def test_the_rule_has_to_be_beaten_by_the_declared_gain_and_by_the_first_model_even_without_one():
    assert baseline_gate(make_config(), measured(0.01, 0.2)).passed
    assert not baseline_gate(make_config(gates={"min_gain_over_baseline": 0.02}), measured(0.01, 0.2)).passed
    assert not baseline_gate(make_config(gates={"min_gain_over_baseline": None}), measured(-0.01, 0.2)).passed


def test_the_floor_counts_the_challengers_own_value_and_null_leaves_no_line():
    assert floor_gate(make_config(gates={"min_value": 0.7}), measured(0, 1)).passed
    assert not floor_gate(make_config(gates={"min_value": 0.71}), measured(0, 1)).passed
    assert floor_gate(make_config(), measured(0, 1)) is None


# Calibration


def test_expected_calibration_error_of_two_known_groups():
    probability = np.repeat([0.2, 0.8], 50)
    label = np.concatenate([np.repeat([1.0, 0.0], [20, 30]), np.repeat([1.0, 0.0], [35, 15])])
    # shares 0.4 and 0.7: (50 * 0.2 + 50 * 0.1) / 100
    assert expected_calibration_error(probability, label) == pytest.approx(0.15)
    predictions = Predictions(probability, (probability > 0.5).astype(float), classifier=True)
    assert not calibration_gate(make_config(), predictions, label).passed
    assert calibration_gate(make_config(gates={"max_calibration_error": 0.16}), predictions, label).passed
    assert calibration_gate(make_config(gates={"max_calibration_error": None}), predictions, label) is None


def test_a_classifier_without_probabilities_fails_and_is_told_how_to_go_on():
    predictions = Predictions(np.array([0.2, 0.8]), np.array([0.0, 1.0]), classifier=True, probabilities=False)
    gate = calibration_gate(make_config(), predictions, np.array([0.0, 1.0]))
    assert (gate.passed, gate.value) == (False, None)
    assert "set gates.max_calibration_error to null" in gate.message


def test_a_regressors_mean_error_is_counted_in_standard_deviations_of_the_label():
    label = np.array([0.0, 2.0, 0.0, 2.0])  # standard deviation 1
    gate = calibration_gate(make_config(**REGRESSION), regressor(label + 0.25), label)
    assert (gate.passed, gate.value) == (False, pytest.approx(0.25))
    constant = calibration_gate(make_config(**REGRESSION), regressor(label), np.full(4, 2.0))
    assert not constant.passed
    assert "every label is 2" in constant.message


# Canonical inputs


@pytest.mark.parametrize(
    ("case", "failure"),
    [
        ({"input": {"amount": 5}, "value": 5.0}, None),
        ({"input": {"amount": 5.5}, "min": 5, "max": 6}, None),
        ({"input": {"region": "north"}, "value": -1.0}, None),
        ({"input": {"ordered_at": "2026-01-01T00:00:00+01:00", "express": True}, "max": 0}, None),
        ({"input": {"amount": 5}, "value": 6.0, "tolerance": 0.5}, "'case' gives 5, expected 6 within 0.5"),
        ({"input": {"amount": 5}, "min": 6}, "'case' gives 5, expected at least 6"),
        ({"input": {"amount": 5}, "max": 4}, "'case' gives 5, expected at most 4"),
        ({"input": {"amount": "much"}, "max": 4}, "amount must be a number, got 'much'"),
        ({"input": {"amount": True}, "max": 4}, "amount must be a number, got True"),
        ({"input": {"region": 5}, "max": 4}, "region must be a text, got 5"),
        ({"input": {"express": "yes"}, "max": 4}, "express must be true or false, got 'yes'"),
        ({"input": {"ordered_at": "2026-01-01T00:00"}, "max": 4}, "an ISO 8601 text with an offset"),
        ({"input": {"ordered_at": "yesterday at"}, "max": 4}, "'case' cannot be predicted"),
        ({"input": {"weight": 5}, "max": 4}, "the model reads no weight (it reads: ordered_at, region"),
        ({"input": {"amount": 13}, "max": 4}, "'case' cannot be predicted: 'thirteen'"),
    ],
)
def test_a_canonical_input_gives_what_is_expected_or_a_message_and_never_an_exception(case, failure):
    failures = canonical_failures([CanonicalCase(name="case", **case)], pipeline(), inputs())
    assert len(failures) == (failure is not None)
    assert failure is None or failure in failures[0]


def test_what_a_case_leaves_out_of_a_column_of_whole_numbers_or_of_truths_is_missing():
    whole = inputs(amount=np.arange(40))
    assert canonical_failures([CanonicalCase(name="none", input={"region": "x"}, value=-1.0)], pipeline(), whole) == []


def test_an_artifact_that_does_not_give_its_sample_outputs_to_the_byte_fails_even_without_a_case():
    outputs = inputs()["amount"].to_numpy()
    assert canonical_gate((), pipeline(), (inputs(), outputs)).passed
    gate = canonical_gate((), pipeline(), (inputs(), outputs + np.eye(40)[7] * 1e-12))
    assert not gate.passed
    assert "gives other outputs than when trained for 1 of 40 rows" in gate.message


# Latency and size


def test_latency_is_judged_by_its_95th_percentile_on_this_machine():
    times = np.concatenate([np.full(90, 2.0), np.full(10, 60.0)])
    passed = latency_gate(make_config(gates={"max_latency_p95_ms": 61.0}), times, runtime="scikit-learn")
    failed = latency_gate(make_config(gates={"max_latency_p95_ms": 50.0}), times, runtime="scikit-learn")
    assert (passed.passed, failed.passed, failed.value) == (True, False, 60.0)
    assert failed.message == "a single prediction by scikit-learn on this machine: p95 60 ms, above 50 ms (p50 2 ms)"
    assert latency_gate(make_config(gates={"max_latency_p95_ms": None}), times, runtime="onnx") is None


def test_the_latency_gate_says_that_it_was_onnx_runtime_that_was_timed():
    gate = latency_gate(make_config(), np.full(100, 0.0521), runtime="onnx")
    assert (
        gate.message
        == "a single prediction by ONNX Runtime on this machine: p95 0.0521 ms, within 500 ms (p50 0.0521 ms)"
    )


def test_an_artifact_that_cannot_predict_a_single_row_fails_the_latency_gate_with_the_reason():
    assert len(time_predictions(pipeline().predict, [inputs()])) == 100
    unlucky = time_predictions(pipeline().predict, [inputs(amount=13.0)])
    gate = latency_gate(make_config(), unlucky, runtime="scikit-learn")
    assert not gate.passed
    assert "a single row cannot be predicted: KeyError: 'thirteen'" in gate.message
    empty = time_predictions(pipeline().predict, [])
    assert not latency_gate(make_config(), empty, runtime="scikit-learn").passed


def test_size_is_that_of_all_files_in_megabytes():
    config = make_config(gates={"max_size_mb": 2.0})
    assert size_gate(config, 2 * 2**20).passed
    assert size_gate(config, 2 * 2**20 + 1).message == "the artifact has 2.00 MB, above 2 MB"
    assert size_gate(make_config(gates={"max_size_mb": None}), 1) is None


# What production sends


def test_the_first_model_makes_the_contract_and_the_same_inputs_keep_it():
    first = input_schema_gate(make_config(), inputs(), None, inputs())
    later = input_schema_gate(make_config(), inputs(), inputs(), inputs())
    assert (first.passed, later.passed) == (True, True)
    assert "the first model: its 4 inputs are what production has to send" in first.message


@pytest.mark.parametrize(
    ("champion", "newest", "words"),
    [
        (inputs().drop(columns="amount"), inputs(), "the champion does not read amount: name it in gates.new_inputs"),
        (inputs(amount=["much"] * 40), inputs(), "amount is numeric, and the champion reads it as text"),
        (inputs(), inputs(region=None), "region is missing in all 40 newest rows"),
        (inputs(), inputs(amount=["much"] * 40), "amount is text in the newest rows"),
        (inputs(), inputs().drop(columns="express"), "express is not sent any more"),
        (None, inputs(amount=np.nan), "amount is missing in all 40 newest rows"),
        (None, inputs(0), "the holdout has no newest rows"),
    ],
)
def test_an_input_that_production_does_not_send_fails(champion, newest, words):
    gate = input_schema_gate(make_config(), inputs(), champion, newest)
    assert not gate.passed
    assert words in gate.message


def test_new_inputs_may_be_declared_and_inputs_may_be_dropped():
    config = make_config(gates={"new_inputs": ["amount"]})
    assert input_schema_gate(config, inputs(), inputs().drop(columns="amount"), inputs()).passed
    fewer = inputs().drop(columns="express")
    assert input_schema_gate(make_config(), fewer, inputs(), inputs()).passed
    assert input_schema_gate(make_config(gates={"input_schema": "any"}), inputs(), None, inputs()) is None


def test_a_column_that_is_seldom_filled_may_be_empty_in_a_few_new_rows():
    seldom = np.where(np.arange(40) % 10 == 0, 1.0, np.nan)  # nine of ten missing: 0.9 ** 40 is 0.015
    assert input_schema_gate(make_config(), inputs(amount=seldom), None, inputs(amount=np.nan)).passed
    half = np.where(np.arange(40) % 2 == 0, 1.0, np.nan)  # 0.5 ** 40
    assert not input_schema_gate(make_config(), inputs(amount=half), None, inputs(amount=np.nan)).passed


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], "numeric"),
        ([1.5, None], "numeric"),
        ([True, None], "boolean"),
        (["a", None], "text"),
        ([None, None], None),
        ([pd.Timestamp("2026-01-01", tz="UTC")], "time"),
        ([b"x"], "other"),
    ],
)
def test_the_kind_of_a_column_is_that_of_its_values(values, kind):
    assert kind_of(pd.Series(values)) == kind
