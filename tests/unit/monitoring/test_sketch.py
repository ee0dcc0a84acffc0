"""A sketch counts every row once, adds up, and says what cannot be counted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from retrainer.contracts.columns import LABEL
from retrainer.errors import BadDataError
from retrainer.monitoring.layout import CELLS, NAMES, REMEMBERED, LayoutFinder
from retrainer.monitoring.sketch import CategoryLayout, NumberLayout, sketch_rows
from retrainer.monitoring.watched import PREDICTION, WatchedColumn, watched_columns
from tests.factories import make_config

NUMBER = WatchedColumn("x", "number", "feature")
CATEGORY = WatchedColumn("x", "category", "feature")
NUMBERS = arrays(np.float64, st.integers(0, 60), elements=st.floats(-1e6, 1e6) | st.just(np.nan) | st.just(np.inf))


def layout_of(values: np.ndarray, column: WatchedColumn = NUMBER, parts: int = 1):
    finder = LayoutFinder((column,), seed=3)
    for part in np.array_split(values, parts):
        finder.look_at({"x": part})
    return finder.layouts()["x"]


@settings(max_examples=60, deadline=None)
@given(NUMBERS, NUMBERS)
def test_sketches_of_parts_add_up_to_the_sketch_of_all(first, second):
    layouts = {"x": layout_of(np.append(first, second))}
    apart = sketch_rows(layouts, [{"x": first}]) + sketch_rows(layouts, [{"x": second}])
    together = sketch_rows(layouts, [{"x": np.append(first, second)}])
    assert apart.rows == together.rows
    for part in ("counts", "missing"):
        assert np.array_equal(getattr(apart.tallies["x"], part), getattr(together.tallies["x"], part))
    assert np.allclose(apart.tallies["x"].sums, together.tallies["x"].sums, rtol=1e-9, atol=1e-3)


@settings(max_examples=60, deadline=None)
@given(NUMBERS)
def test_every_number_is_in_its_cell_with_its_sum(values):
    layout = layout_of(values)
    tally = layout.tally("x", values)
    known = values[np.isfinite(values)]
    cell = np.digitize(known, layout.edges)
    assert np.array_equal(tally.counts, np.bincount(cell, minlength=layout.cells))
    expected = np.bincount(cell, weights=known - layout.center, minlength=layout.cells)
    assert np.allclose(tally.sums, expected, rtol=1e-9, atol=1e-3)
    assert int(tally.missing) == len(values) - len(known)


def test_cells_do_not_depend_on_how_rows_are_cut_into_batches():
    values = np.random.default_rng(0).normal(size=120_000)
    assert np.array_equal(layout_of(values).edges, layout_of(values, parts=7).edges)


def test_each_of_few_numbers_has_a_cell_of_its_own():
    layout = layout_of(np.repeat([0.0, 1.0, 7.0], 5))
    assert layout.tally("x", np.array([0.0, 1.0, 1.0, 7.0, 9.0])).counts.tolist() == [1, 2, 2]


def test_a_number_that_is_frequent_among_many_has_a_cell_of_its_own():
    random = np.random.default_rng(0)
    values = np.where(random.random(5000) < 0.9, 0.0, random.exponential(size=5000))
    layout = layout_of(values)
    assert layout.cells <= 2 * CELLS
    counts = layout.tally("x", values).counts
    assert counts.max() == (values == 0).sum()


@pytest.mark.parametrize(
    "values",
    [np.array([1, 2]), np.array([True, False]), np.array([None, None], dtype=object)],
    ids=["integers", "booleans", "all None"],
)
def test_what_is_as_good_as_numbers_is_counted(values):
    assert int(NumberLayout(np.array([0.5]), 0.0).tally("x", values).rows) == 2


def test_texts_are_no_numbers():
    with pytest.raises(BadDataError, match="column 'x' must hold numbers"):
        NumberLayout(np.empty(0), 0.0).tally("x", np.array(["a"], dtype=object))


def test_timestamps_are_no_categories():
    with pytest.raises(BadDataError, match="column 'x' must hold texts, numbers or booleans"):
        CategoryLayout(("a",), (), True).tally("x", np.array(["2026-01-01"], dtype="datetime64[us]"))


def test_categories_are_counted_known_pooled_unseen_and_missing():
    layout = CategoryLayout(("a", "b"), ("rare",), True)
    tally = layout.tally("x", np.array(["a", "a", "rare", "new", None], dtype=object))
    assert (tally.counts.tolist(), int(tally.missing)) == ([2, 0, 1, 1], 1)


def test_a_number_as_a_category_is_its_shortest_text():
    layout = layout_of(np.array([0.0, 1.0, 1.0, np.nan]), CATEGORY)
    assert layout.names == ("1", "0")
    assert layout.tally("x", np.array([True, False, True])).counts.tolist() == [2, 1, 0, 0]


def test_only_the_most_frequent_categories_have_a_cell_and_all_remembered_are_known():
    names = np.array([f"{number:05}" for number in range(NAMES + 50)] * 2 + ["00007"], dtype=object)
    layout = layout_of(names, CATEGORY)
    assert (len(layout.names), len(layout.pooled), layout.complete) == (NAMES, 50, True)
    assert layout.names[0] == "00007"


def test_with_more_categories_than_can_be_remembered_nothing_is_unseen():
    names = np.array([str(number) for number in range(REMEMBERED + 1)], dtype=object)
    layout = layout_of(names, CATEGORY)
    assert not layout.complete
    assert layout.tally("x", np.array(["never seen"], dtype=object)).counts[-2:].tolist() == [1, 0]


def test_watched_are_the_estimator_s_columns_but_the_ignored_then_prediction_and_label():
    config = make_config(monitoring={"drift": {"ignore": ["amount"]}})
    assert watched_columns(config) == (
        WatchedColumn("region", "category", "feature"),
        WatchedColumn("rates__rate", "number", "feature"),
        WatchedColumn("region_late", "number", "feature"),
        WatchedColumn(PREDICTION, "number", "prediction"),
        WatchedColumn(LABEL, "category", "label"),
    )


def test_the_label_of_a_regressor_is_a_number():
    config = make_config(estimator={"type": "sklearn.linear_model.Ridge"}, evaluation={"metric": "r2"})
    assert watched_columns(config)[-1] == WatchedColumn(LABEL, "number", "label")
