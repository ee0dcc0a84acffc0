"""Effects from sketches are what a plain computation on the rows gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from retrainer.monitoring.effects import divergence, effects, psi, scale_of, shift
from retrainer.monitoring.layout import LayoutFinder
from retrainer.monitoring.watched import WatchedColumn


def sketched(before: np.ndarray, now: np.ndarray, kind: str = "number"):
    """Layout and both tallies."""
    finder = LayoutFinder((WatchedColumn("x", kind, "feature"),), seed=0)
    finder.look_at({"x": before})
    layout = finder.layouts()["x"]
    return layout, layout.tally("x", before), layout.tally("x", now)


def shift_of(before: np.ndarray, now: np.ndarray) -> float:
    layout, reference, tally = sketched(before, now)
    return float(shift(reference, tally, scale=scale_of(layout, reference)))


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 1000),
    st.sampled_from(["normal", "exponential", "integers"]),
    st.floats(-3, 3),
    st.floats(0.3, 3),
)
def test_the_shift_is_the_wasserstein_distance_of_the_rows_in_standard_deviations(seed, shape, moved, stretched):
    random = np.random.default_rng(seed)
    draw = {
        "normal": random.normal,
        "exponential": random.exponential,
        "integers": lambda size: random.integers(0, 9, size),
    }
    before = draw[shape](size=3000).astype(float)
    now = draw[shape](size=500) * stretched + moved
    expected = wasserstein_distance(before, now) / before.std()
    assert shift_of(before, now) == pytest.approx(expected, rel=0.03, abs=0.02)


def test_a_unit_that_changed_is_seen_at_its_whole_size():
    before = np.random.default_rng(0).normal(10, 1, 5000)
    assert shift_of(before, before * 1000) == pytest.approx(wasserstein_distance(before, before * 1000) / before.std())


def test_far_from_zero_the_shift_is_as_exact():
    before = np.random.default_rng(0).normal(1e9, 1, 5000)
    assert shift_of(before, before + 0.5) == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize(("constant", "now", "expected"), [(5.0, 10.0, 1.0), (0.0, 3.0, 3.0), (4.0, 4.0, 0.0)])
def test_what_was_constant_is_measured_in_its_own_size(constant, now, expected):
    assert shift_of(np.full(100, constant), np.full(50, now)) == pytest.approx(expected)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from("abcd"), min_size=1), st.lists(st.sampled_from("abcdef"), min_size=1))
def test_the_divergence_is_the_jensen_shannon_distance_with_all_unseen_in_one(before, now):
    _, reference, tally = sketched(np.array(before, dtype=object), np.array(now, dtype=object), "category")
    names = sorted(set(before))
    counts = [[side.count(name) for name in names] for side in (before, now)]
    shares = [
        np.append(side, total - sum(side)) / total for side, total in zip(counts, map(len, (before, now)), strict=True)
    ]
    assert float(divergence(reference, tally)) == pytest.approx(jensenshannon(*shares, base=2), abs=1e-7)


def test_missing_and_unseen_are_shares():
    before = np.array(["a"] * 9 + [None], dtype=object)
    now = np.array(["a", "new", None, None], dtype=object)
    layout, reference, tally = sketched(before, now, "category")
    found = effects(layout, reference, tally, scale=1.0)
    assert float(found["missing"]) == pytest.approx(0.5 - 0.1)
    assert float(found["unseen"]) == pytest.approx(0.5)


def test_the_index_of_stability_is_that_of_the_reference_s_tenths():
    before = np.arange(1000.0)
    now = before[before >= 500]
    layout, reference, tally = sketched(before, now)
    by_hand = 5 * (0.0001 - 0.1) * np.log(0.0001 / 0.1) + 5 * (0.2 - 0.1) * np.log(2)
    assert float(psi(layout, reference, tally)) == pytest.approx(by_hand, rel=0.02)


@pytest.mark.parametrize("empty", ["reference", "now"])
def test_without_values_there_is_no_effect(empty):
    nothing, some = np.full(20, np.nan), np.arange(20.0)
    before, now = (nothing, some) if empty == "reference" else (some, nothing)
    assert np.isnan(shift_of(before, now))
