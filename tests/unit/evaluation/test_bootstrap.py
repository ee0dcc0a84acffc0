"""The paired bootstrap: its fast ways equal scikit-learn on resampled rows, and its interval means what it says."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, mean_absolute_error, roc_auc_score

from retrainer.evaluation import Predictions, paired_difference
from retrainer.evaluation.bootstrap import _values


def classifier(output: np.ndarray) -> Predictions:
    return Predictions(output, (output > 0.5).astype(float), classifier=True)


def regressor(output: np.ndarray) -> Predictions:
    return Predictions(output, output, classifier=False)


@pytest.fixture
def holdout() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(1)
    rows = 600
    label = (generator.random(rows) < 0.3).astype(float)
    return {
        "label": label,
        "block": np.array([f"2013-06-{1 + row % 9:02d}" for row in range(rows)], dtype=object),
        "good": np.round(np.clip(0.3 * label + 0.7 * generator.random(rows), 0, 1), 2),
        "poor": np.round(generator.random(rows), 2),
    }


@pytest.mark.parametrize(
    ("metric", "by_hand"),
    [
        ("roc_auc", roc_auc_score),
        ("accuracy", lambda y, p: accuracy_score(y, p > 0.5)),
        ("neg_log_loss", lambda y, p: -log_loss(y, p)),
        ("neg_brier_score", lambda y, p: -brier_score_loss(y, p)),
    ],
)
def test_every_draw_of_a_fast_metric_equals_scikit_learn_on_the_drawn_rows(metric, by_hand, holdout):
    names, codes = np.unique(holdout["block"].astype(str), return_inverse=True)
    draws = np.random.default_rng(2).multinomial(len(names), [1 / len(names)] * len(names), size=25)
    values = _values(metric, holdout["label"], classifier(holdout["good"]), codes=codes, draws=draws)
    for draw, value in zip(draws, values, strict=True):
        rows = np.concatenate([np.tile(np.flatnonzero(codes == day), times) for day, times in enumerate(draw)])
        assert value == pytest.approx(by_hand(holdout["label"][rows], holdout["good"][rows]), abs=1e-12)


def test_a_metric_without_a_fast_way_is_scored_draw_by_draw(holdout):
    generator = np.random.default_rng(3)
    number = generator.normal(size=len(holdout["label"]))
    models = (regressor(number + 0.1), regressor(number + 0.5))
    found = paired_difference(
        "neg_median_absolute_error", number, models, block=holdout["block"], resamples=200, confidence=0.9, seed=0
    )
    assert (found.challenger, found.reference) == pytest.approx((-0.1, -0.5))
    assert (found.low, found.high) == pytest.approx((0.4, 0.4))


def test_mean_absolute_error_of_a_regressor_is_that_of_scikit_learn(holdout):
    number = np.arange(len(holdout["label"]), dtype=float)
    models = (regressor(number + 1), regressor(number * 1.1))
    found = paired_difference(
        "neg_mean_absolute_error", number, models, block=holdout["block"], resamples=200, confidence=0.9, seed=0
    )
    assert found.challenger == pytest.approx(-1)
    assert found.reference == pytest.approx(-mean_absolute_error(number, number * 1.1))


def test_the_interval_of_a_better_model_lies_above_zero_and_of_itself_is_zero(holdout):
    good, poor = classifier(holdout["good"]), classifier(holdout["poor"])
    arguments = {"block": holdout["block"], "resamples": 500, "confidence": 0.9, "seed": 7}
    better = paired_difference("roc_auc", holdout["label"], (good, poor), **arguments)
    same = paired_difference("roc_auc", holdout["label"], (good, good), **arguments)
    assert 0 < better.low < better.difference < better.high
    assert (same.low, same.difference, same.high) == (0, 0, 0)


def test_the_same_seed_gives_the_same_interval_to_the_byte(holdout):
    models = (classifier(holdout["good"]), classifier(holdout["poor"]))
    arguments = {"block": holdout["block"], "resamples": 300, "confidence": 0.9}
    first = paired_difference("roc_auc", holdout["label"], models, **arguments, seed=5)
    assert first == paired_difference("roc_auc", holdout["label"], models, **arguments, seed=5)
    assert first != paired_difference("roc_auc", holdout["label"], models, **arguments, seed=6)


def test_draws_with_one_class_are_left_out(holdout):
    label = np.where(holdout["block"] == "2013-06-01", holdout["label"], 0.0)
    models = (classifier(holdout["good"]), classifier(holdout["poor"]))
    found = paired_difference("roc_auc", label, models, block=holdout["block"], resamples=300, confidence=0.9, seed=1)
    assert np.isfinite([found.low, found.high]).all()


def test_more_rows_on_one_day_do_not_narrow_the_interval_as_independent_rows_would():
    generator = np.random.default_rng(4)
    days = 12
    effect = np.repeat(generator.normal(scale=0.1, size=days), 500)
    label = np.zeros(days * 500)
    block = np.repeat([f"day {day:02d}" for day in range(days)], 500).astype(object)
    models = (regressor(np.abs(effect + 0.5)), regressor(np.full(days * 500, 0.5)))
    by_day = paired_difference(
        "neg_mean_absolute_error", label, models, block=block, resamples=500, confidence=0.9, seed=1
    )
    by_row = paired_difference(
        "neg_mean_absolute_error",
        label,
        models,
        block=np.arange(len(label)).astype(object),
        resamples=500,
        confidence=0.9,
        seed=1,
    )
    assert (by_day.high - by_day.low) > 5 * (by_row.high - by_row.low)


def test_with_fourteen_days_the_interval_of_a_mean_is_that_of_student_or_wider(holdout):
    generator = np.random.default_rng(6)
    gains = generator.normal(size=14)  # one row a day: the difference of a day is the gain
    label, block = np.zeros(14), np.arange(14).astype(object)
    models = (regressor(5 - gains), regressor(np.full(14, 5.0)))
    found = paired_difference(
        "neg_mean_absolute_error", label, models, block=block, resamples=20_000, confidence=0.9, seed=1
    )
    reach = 1.7709 * gains.std(ddof=1) / np.sqrt(14)  # the 95 % quantile of t with 13 degrees of freedom
    assert found.difference == pytest.approx(gains.mean())
    assert found.low <= gains.mean() - reach * 0.98
    assert found.high >= gains.mean() + reach * 0.98
    assert found.high - found.low == pytest.approx(2 * reach, rel=0.1)
    assert len(found.resampled) == 20_000
