"""The evaluation report says what was decided and shows what it was decided on, whatever the values look like."""

import pytest

from retrainer.contracts import Gate, SliceResult
from retrainer.documents import Chart, Evidence, SampleRow, evaluation_report
from tests.factories import make_config
from tests.unit.documents.facts import HOLDOUT, a_decision, a_trained
from tests.unit.documents.pages import read

HOSTILE = "</td><script>alert('x')</script>{{ 7 * 7 }}\"><img src=x onerror=alert(1)>"
SVG = '<svg role="img"><title>{}</title></svg>'


def evidence(**changes):
    known = {
        "curves": (Chart("ROC", SVG.format("roc")), Chart("Reliability", SVG.format("reliability"))),
        "differences": Chart("", SVG.format("differences")),
        "slices": Chart("", SVG.format("slices")),
        "importance": Chart("", SVG.format("importance")),
        "inputs": ("region", "amount"),
        "samples": (SampleRow("disagree", ("north", "12.5"), 1.0, 0.9, 0.125),),
    }
    return Evidence(**known | changes)


def render(decision, known, config=None):
    return evaluation_report(config or make_config(), decision, trained=a_trained(), as_of=HOLDOUT.end, evidence=known)


def test_the_decision_comes_first_in_one_sentence():
    page = read(render(a_decision(), evidence()))

    start = page.text.index("order_late as of 2026-01-09 00:00 UTC")
    sentence = page.text.index("Promote: better than champion v3: roc_auc 0.7100 against 0.7000")
    assert start < sentence < page.text.index("Gates")


def test_every_fact_and_gate_is_there_in_words():
    text = read(render(a_decision(), evidence())).text

    for said in (
        "champion v3", "0.7100 against 0.7000", "+0.0100, 90% interval [+0.0020, +0.0180]", "12,345 in 14 blocks",
        "2026-01-07 00:00 UTC to 2026-01-09 00:00 UTC", "54,321 rows", "✓ passed", "✗ failed", "612.3",
        "p95 612.3 ms, above 500 ms",
    ):  # fmt: skip
        assert said in text


def test_every_chart_stands_in_the_page_with_its_title():
    page = read(render(a_decision(), evidence()))

    assert page.tags.count("svg") == 5
    for title in ("ROC", "Reliability", "differences", "slices", "importance"):
        assert title in page.text


def test_a_slice_that_was_not_judged_is_named():
    text = read(render(a_decision(), evidence())).text

    assert "Not judged: region far (7 rows)." in text
    assert "7 rows, 20 are needed" in text


def test_samples_show_inputs_label_and_both_predictions():
    text = read(render(a_decision(), evidence())).text

    table = "".join(text[text.index("Sample predictions") :].split())
    assert "WhyLabelChallengerChampionv3regionamount" in table
    assert "disagree10.90000.1250north12.5" in table


def test_without_a_comparison_the_page_has_the_decision_and_its_reason_and_no_charts():
    reason = "the holdout has 140 labelled rows, at least 150 are needed"
    decision = a_decision(
        promote=False, reason=reason, holdout=None, slices=(), challenger_value=None, reference_value=None,
        difference=None, low=None, high=None, gates=(Gate(name="holdout", passed=False, message=reason),),
    )  # fmt: skip

    page = read(render(decision, None))

    assert f"Reject: {reason}" in page.text
    assert "were not measured on the same rows" in page.text
    assert "svg" not in page.tags


def test_a_regressor_has_residuals_instead_of_curves():
    config = make_config(
        estimator={"type": "sklearn.ensemble.HistGradientBoostingRegressor"},
        evaluation={"metric": "neg_mean_absolute_error"},
    )

    text = read(render(a_decision(), evidence(), config)).text

    assert "Residuals" in text
    assert "Curves" not in text


@pytest.mark.parametrize("place", ["reason", "gate", "slice", "sample", "description", "owner"])
def test_hostile_text_is_shown_and_never_obeyed(place):
    config, known, changes = make_config(), evidence(), {}
    if place == "reason":
        changes = {"reason": HOSTILE}
    elif place == "gate":
        changes = {"gates": (Gate(name=HOSTILE, passed=False, message=HOSTILE),)}
    elif place == "slice":
        changes = {"slices": (SliceResult(column="c", value=HOSTILE, rows=1, status="not_judged", message=HOSTILE),)}
    elif place == "sample":
        known = evidence(inputs=(HOSTILE,), samples=(SampleRow("disagree", (HOSTILE,), 1.0, 0.5, 0.5),))
    else:
        config = make_config(**{place: HOSTILE})

    page = read(render(a_decision(**changes), known, config))

    assert HOSTILE in page.text


def test_the_same_comparison_gives_the_same_bytes():
    assert render(a_decision(), evidence()) == render(a_decision(), evidence())


def test_an_address_that_is_no_web_page_is_no_link():
    html = evaluation_report(
        make_config(),
        a_decision(),
        trained=a_trained(run_url="javascript:alert(1)"),
        as_of=None,
        evidence=None,
    )

    assert read(html).addresses == []
