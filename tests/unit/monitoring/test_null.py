"""The null is what the reference's own intervals differ by: noise at the size of the interval, days, seasons."""

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from retrainer.config.monitoring import Drift
from retrainer.monitoring.calibration import adjusted, calibrated
from retrainer.monitoring.null import MIN_INTERVALS, fit, null_of, rounded_rows
from retrainer.monitoring.reference import Batch, build_reference
from retrainer.monitoring.watched import WatchedColumn
from tests.unit.monitoring.drifting import A_YEAR, DRIFT, WATCHED, day_of, interval, measure, reference_of

AMOUNT = (WatchedColumn("amount", "number", "feature"),)


def season(day: int) -> float:
    """Two standard deviations of rows between summer and winter."""
    return 20 * np.sin(2 * np.pi * day / A_YEAR)


def seasonal(day: int) -> dict[str, np.ndarray]:
    return {"amount": day_of(day)["amount"] + season(day)}


def expected_of(reference, *, rows: int, test=("amount", "shift")) -> float:
    null = null_of(reference, rows=rows, min_rows=DRIFT.min_rows, seed=1)
    return float(null.tails.quantile(0.95)[null.tests.index(test)])


def test_each_interval_is_compared_with_all_others_but_its_neighbours():
    days = {day: day_of(day) for day in range(30)}
    reference = reference_of(days, watched=AMOUNT)
    null = null_of(reference, rows=0, min_rows=100, seed=1)
    rest = np.concatenate([days[day]["amount"] for day in days if abs(day - 10) > 3])
    every = np.concatenate([days[day]["amount"] for day in days])
    by_hand = wasserstein_distance(rest, days[10]["amount"]) / every.std()
    place = null.tests.index(("amount", "shift"))
    assert np.exp(null.logs[10, place]) - null.tails.offset[place] == pytest.approx(by_hand, abs=0.01)


def test_fewer_rows_make_larger_differences_ordinary():
    reference = reference_of({day: day_of(day, rows=4000) for day in range(40)})
    sizes = [expected_of(reference, rows=rows) for rows in (100, 400, 4000)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 1.3 * sizes[2]


def test_successive_intervals_that_resemble_each_other_are_worth_fewer():
    random = np.random.default_rng(0)
    logs = random.normal(size=(70, 2))
    logs[:, 1] = np.repeat(random.normal(size=10), 7)
    tails = fit(logs, offset=np.zeros(2), floor=np.zeros(2), block=7)
    assert tails.effective[0] > 40
    assert tails.effective[1] < 15


def test_p_values_of_independent_intervals_are_uniform():
    random = np.random.default_rng(1)
    logs = random.normal(size=(4000, 40, 1))
    tails = fit(logs, offset=np.zeros(1), floor=np.zeros(1), block=2)
    p_values = tails.p_values(random.normal(size=(4000, 1)))
    for level in (0.01, 0.05, 0.5):
        assert np.mean(p_values < level) == pytest.approx(level, rel=0.5 if level < 0.02 else 0.25)


def test_earlier_seasons_make_the_season_ordinary():
    this_year = {day: seasonal(day) for day in range(365 + 60, 365 + 134)}
    last_year = {day: seasonal(day) for day in range(170, 244)}
    batches = [Batch(interval(day).key, columns) for day, columns in this_year.items()]
    before = [Batch(interval(day).key, columns, earlier=True) for day, columns in last_year.items()]
    now = 365 + 200
    found = {}
    for name, given in {"without": batches, "with": batches + before}.items():
        built = build_reference(AMOUNT, lambda given=given: given, seed=1)
        reference = calibrated(built, DRIFT, intervals_per_year=A_YEAR, seed=1)
        found[name] = measure(reference, seasonal(now), day=now)["amount", "shift"]
    assert found["without"].value == found["with"].value
    assert found["without"].flagged
    assert not found["with"].flagged


def test_a_column_with_few_intervals_is_not_in_the_null():
    days = {day: day_of(day) for day in range(40)}
    for day in range(40 - MIN_INTERVALS + 1):
        del days[day]["prediction"]
    null = null_of(reference_of(days), rows=0, min_rows=100, seed=1)
    assert "prediction" not in {name for name, _ in null.tests}


def test_intervals_with_few_rows_are_left_out():
    days = {day: day_of(day, rows=20 if day % 2 else 400) for day in range(40)}
    null = null_of(reference_of(days), rows=0, min_rows=100, seed=1)
    assert np.isfinite(null.logs[::2]).all()
    assert not np.isfinite(null.logs[1::2]).any()


@pytest.mark.parametrize(("rows", "rounded"), [(0, 0), (1, 1), (100, 86), (900, 807), (1000, 807), (1010, 1009)])
def test_numbers_of_rows_share_a_null_in_steps_of_a_quarter(rows, rounded):
    assert rounded_rows(rows) == rounded


def test_p_values_are_adjusted_after_benjamini_and_hochberg():
    p_values = np.array([0.01, np.nan, 0.04, 0.03, 0.5])
    assert adjusted(p_values) == pytest.approx([0.04, np.nan, 0.16 / 3, 0.16 / 3, 0.5], nan_ok=True)


def test_a_level_is_found_once_for_the_same_rules():
    reference = reference_of()
    assert calibrated(reference, DRIFT, intervals_per_year=A_YEAR, seed=1) is reference
    other = calibrated(reference, Drift(min_shift=0.5), intervals_per_year=A_YEAR, seed=1)
    assert len(other.levels) == 2


def test_a_larger_budget_is_no_stricter():
    built = build_reference(WATCHED, lambda: [Batch(interval(d).key, day_of(d)) for d in range(40)], seed=1)
    levels = []
    for budget in (0.001, 0.1, 10.0):
        drift = Drift(false_alarms_per_year=budget, min_shift=0.0, min_divergence=0.0)
        (level,) = calibrated(built, drift, intervals_per_year=A_YEAR, seed=1).levels
        assert level.false_alarms_per_year <= budget
        levels.append(level.level)
    assert levels == sorted(levels)
