"""Charts stand inside a page: well-formed, without anything from elsewhere, the same bytes for the same numbers."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from retrainer.contracts import SliceResult
from retrainer.evaluation import (
    Importance,
    Predictions,
    classifier_curves,
    curve_svg,
    differences_svg,
    importance_svg,
    predicted_svg,
    residuals_svg,
    slices_svg,
)

HOSTILE = "$\\frac{1}{0}$ <script>&'\" \x00\n" + "x" * 100
GENERATOR = np.random.default_rng(3)
LABEL = GENERATOR.normal(size=500)
OUTPUTS = {"challenger": LABEL * 0.9, HOSTILE: np.zeros(500)}


def a_slice(value: str, middle: float, *, status="passed") -> SliceResult:
    return SliceResult(
        column="region", value=value, rows=50, status=status, difference=middle, low=middle - 0.1, high=middle + 0.1,
        message="",
    )  # fmt: skip


CHARTS = {
    "roc": lambda: curve_svg("roc", {"challenger": (np.array([0, 1]), np.array([0, 1])), HOSTILE: ([0, 1], [0, 1])}),
    "precision_recall": lambda: curve_svg("precision_recall", {"challenger": ([0, 1], [1, 0])}),
    "reliability": lambda: curve_svg("reliability", {"challenger": ([0.1, 0.9], [0.2, 0.8])}),
    "predicted": lambda: predicted_svg(LABEL, OUTPUTS),
    "residuals": lambda: residuals_svg(LABEL, OUTPUTS),
    "differences": lambda: differences_svg(LABEL / 100, metric="roc_auc", interval=(-0.01, 0.01), threshold=0.005),
    "slices": lambda: slices_svg([a_slice(HOSTILE, 0.1), a_slice("b", -0.5, status="failed")], loss=0.1),
    "importance": lambda: importance_svg([Importance(HOSTILE, 0.2, 0.1, 0.3)], metric="roc_auc"),
}


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_a_chart_is_well_formed_named_and_needs_nothing_else(chart):
    svg = chart()

    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert root.findtext("{http://www.w3.org/2000/svg}title") == root.get("aria-label") != ""
    assert "<script" not in svg
    assert not re.search(r"<(style|image|metadata|foreignObject)\b", svg)
    assert [target for target in re.findall(r'href="([^"]*)"', svg) if not target.startswith("#")] == []


@pytest.mark.parametrize(("name", "chart"), CHARTS.items(), ids=CHARTS)
def test_the_ids_of_a_chart_begin_with_its_name_so_that_several_stand_in_one_page(name, chart):
    ids = re.findall(r'\bid="([^"]*)"', chart())

    assert len(ids) == len(set(ids)) > 5
    assert [each for each in ids if not each.startswith(f"{name}-")] == []


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_equal_numbers_give_equal_bytes(chart):
    assert chart() == chart()


def test_text_of_the_data_is_shown_as_it_is_and_cut_to_fit():
    texts = [element.text for element in ElementTree.fromstring(CHARTS["importance"]()).iter() if element.text]

    assert "$\\frac{1}{0}$ <script…" in texts


def test_the_worst_forty_slices_are_drawn_in_their_order():
    slices = [a_slice(f"v{number:02d}", number / 100) for number in range(60)]

    svg = slices_svg(slices, loss=0.0)

    drawn = re.findall(r"region: (v\d\d)", svg)
    assert sorted(drawn) == [f"v{number:02d}" for number in range(40)]
    assert drawn[-1] == "v00"


def test_constant_residuals_and_differences_are_drawn_too():
    label = np.ones(20)

    assert "<svg" in residuals_svg(label, {"challenger": label})
    assert "<svg" in differences_svg(np.zeros(20), metric="accuracy", interval=(0.0, 0.0), threshold=None)


def test_curves_of_many_rows_have_at_most_two_hundred_points_and_keep_their_ends():
    label = (GENERATOR.random(5_000) < 0.3).astype(float)
    output = np.clip(0.2 * label + 0.8 * GENERATOR.random(5_000), 0, 1)

    curves = classifier_curves(Predictions(output, (output > 0.5).astype(float), classifier=True), label)

    assert {kind: len(x) <= 200 for kind, (x, _) in curves.items()} == dict.fromkeys(curves, True)
    x, y = curves["roc"]
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
