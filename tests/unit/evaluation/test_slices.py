"""The gate for slices, on cases worked out by hand."""

import numpy as np
import pandas as pd

from retrainer.evaluation import (
    Comparison,
    Predictions,
)
from retrainer.evaluation.slices import judge_slices, slice_names
from tests.factories import make_config
from tests.unit.evaluation.judged import HOLDOUT, comparison, sliced


def test_a_challenger_that_is_worse_on_one_slice_fails_that_column_and_names_it():
    region = np.array((["north"] * 3 + ["south"] * 4) * 200)
    results, (gate,) = sliced(["region"], comparison({"region": region}, worse=region == "north"))
    assert [(each.value, each.rows, each.status) for each in results] == [
        ("north", 600, "failed"),
        ("south", 800, "passed"),
    ]
    assert (gate.name, gate.passed) == ("slices region", False)
    assert (
        "region: 2 of 2 values judged; shown to be worse than champion v3 for north (difference -1.99" in gate.message
    )
    assert "95.00% interval" in results[0].message  # 90 %, corrected for two


def test_a_loss_within_the_allowed_one_passes():
    region = np.array(["north", "south"] * 700)
    _, (gate,) = sliced(["region"], comparison({"region": region}, worse=region == "north"), max_slice_loss=2.5)
    assert gate.passed
    assert "none shown to be worse than champion v3 by more than 2.5" in gate.message


def test_a_slice_with_too_few_rows_says_so_and_is_not_passed_silently():
    region = np.array(["north"] * 1390 + ["south"] * 10)
    results, (gate,) = sliced(["region"], comparison({"region": region}))
    assert results[1].status == "not_judged"
    assert results[1].low is None
    assert gate.passed
    assert gate.message == (
        "region: 1 of 2 values judged; none shown to be worse than champion v3; not judged: south (10 rows)"
    )


def test_a_column_of_which_no_slice_can_be_judged_fails():
    region = np.array([f"region {row % 14}" for row in range(1400)])
    _, (gate,) = sliced(["region"], comparison({"region": region}))
    assert not gate.passed
    assert "region: 0 of 14 values judged" in gate.message
    assert "and 4 more" in gate.message


def test_a_slice_of_four_days_is_not_judged():
    region = np.where(np.arange(1400) % 14 < 4, "north", "south")
    results, _ = sliced(["region"], comparison({"region": region}))
    assert results[0].message == "not judged: rows of 4 blocks, at least 5 are needed"


def test_a_slice_with_one_class_is_not_judged():
    region = np.array(["north", "south"] * 700)
    label = np.where(region == "north", 1.0, (np.arange(1400) // 2 % 2).astype(float))
    output = np.random.default_rng(1).random(1400)
    said = Predictions(output, (output > 0.5).astype(float), classifier=True)
    found = Comparison(
        HOLDOUT, label, np.arange(1400) % 14, pd.DataFrame({"region": region}), said, said, champion_version=3
    )
    results, (gate,) = judge_slices(make_config(gates={"slices": ["region"]}), found)
    assert results[0].message == "not judged: one class only, every label is 1"
    assert gate.passed


def test_missing_values_are_a_slice_and_numbers_are_cut_at_their_quartiles():
    numbers = pd.Series([*range(1, 101), None], dtype=float)
    counts = slice_names(numbers).value_counts()
    assert counts.to_dict() == {"1 to 25": 25, "25 to 50": 25, "50 to 75": 25, "75 to 100": 25, "(missing)": 1}
    assert slice_names(pd.Series([1, 2, 1])).tolist() == ["1", "2", "1"]
    assert slice_names(pd.Series(["a", None])).tolist() == ["a", "(missing)"]


def test_a_column_with_more_than_200_values_cannot_be_judged_and_fails():
    region = np.array([f"region {row % 201}" for row in range(1400)])
    results, (gate,) = sliced(["region"], comparison({"region": region}))
    assert (results, gate.passed) == ((), False)
    assert gate.message == "region has 201 different values, at most 200 can be judged"


def test_the_correction_counts_the_judged_slices_of_all_columns():
    region, amount = np.array(["north", "south"] * 700), np.array([1.0, 1.0, 2.0, 2.0] * 350)
    results, gates = sliced(["region", "amount"], comparison({"region": region, "amount": amount}))
    assert [gate.name for gate in gates] == ["slices region", "slices amount"]
    assert all("97.50% interval" in each.message for each in results)
