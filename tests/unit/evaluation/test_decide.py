"""All gates together: what promotes, what rejects, and with which reason."""

import numpy as np
import pytest

from retrainer.evaluation import (
    Candidate,
    Comparison,
    decide,
)
from tests.factories import make_config
from tests.unit.evaluation.judged import HOLDOUT, REGRESSION, comparison, inputs, pipeline, regressor


def candidate(**changes) -> Candidate:
    values = {
        "pipeline": pipeline(),
        "sample_inputs": inputs(),
        "sample_outputs": inputs()["amount"].to_numpy(),
        "size_bytes": 1000,
        "latencies_ms": np.full(100, 1.0),
        "champion_inputs": inputs(),
        "newest": inputs(),
    }
    return Candidate(**(values | changes))


def test_every_gate_has_its_line_and_all_of_them_together_promote():
    config = make_config(**REGRESSION, gates={"slices": ["region"], "min_value": -5.0, "max_calibration_error": 1.0})
    region = np.array(["north", "south"] * 700)
    found = comparison({"region": region})
    label = found.label
    found = Comparison(
        HOLDOUT, label, found.block, found.features, regressor(label + 0.5), found.reference, 3, regressor(label + 3)
    )
    verdict = decide(config, found, candidate())
    assert [gate.name for gate in verdict.decision.gates] == [
        "superiority", "baseline", "floor", "slices region", "calibration", "canonical", "latency", "size",
        "input_schema",
    ]  # fmt: skip
    assert verdict.decision.promote
    assert verdict.decision.reason == verdict.decision.gates[0].message
    assert (len(verdict.decision.slices), len(verdict.differences)) == (2, 300)


def test_one_failed_gate_rejects_and_is_the_reason():
    config = make_config(**REGRESSION, gates={"max_calibration_error": None})
    found = comparison({"region": np.array(["north"] * 1400)})
    decision = decide(config, found, candidate(size_bytes=2**40)).decision
    assert not decision.promote
    assert decision.reason == "the artifact has 1048576.00 MB, above 500 MB"


def test_a_challenger_that_is_better_overall_and_worse_on_a_slice_is_not_promoted():
    region = np.where(np.arange(1400) // 14 % 5 == 3, "north", "south")  # a fifth, on every day
    config = make_config(**REGRESSION, gates={"slices": ["region"], "max_calibration_error": None})
    found = comparison({"region": region}, worse=region == "north")
    decision = decide(config, found, candidate()).decision
    assert decision.gates[0].passed
    assert decision.low > 0
    assert not decision.promote
    assert decision.reason.startswith("region: 2 of 2 values judged; shown to be worse than champion v3 for north")


def test_an_equal_challenger_is_not_promoted():
    found = comparison({})
    same = Comparison(HOLDOUT, found.label, found.block, found.features, found.reference, found.reference, 3)
    decision = decide(make_config(**REGRESSION), same, candidate()).decision
    assert (decision.promote, decision.low, decision.high) == (False, 0.0, 0.0)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 1e308])
def test_outputs_beyond_all_bounds_are_a_rejection_with_numbers_that_json_knows(value):
    config = make_config(
        estimator=REGRESSION["estimator"], evaluation={"metric": "neg_mean_squared_error", "resamples": 200}
    )
    found = comparison({})
    broken = Comparison(
        HOLDOUT, found.label, found.block, found.features, regressor([value] * 1400), found.reference, 3
    )
    with np.errstate(all="ignore"):
        decision = decide(config, broken, candidate()).decision
    assert not decision.promote
    assert "is undefined on the holdout" in decision.reason
    assert "NaN" not in decision.to_json()
