"""From measurements to findings: K of the last N, the newest window, the rules, and the numbers in words."""

import pytest

from retrainer.config.monitoring import Confirmation, Drift, Monitoring, Rule
from retrainer.contracts import Finding, Measurement
from retrainer.monitoring.findings import confirmed, judged_topics
from tests.unit.monitoring.played import day

CONFIG = Monitoring(drift=Drift(confirm=Confirmation(intervals=3, of=5)))
TODAY = 10


def shift(number: int, *, flagged: bool = True, **changed: object) -> Measurement:
    said: dict[str, object] = {"version": 4, "about": "feature", "subject": "distance", "measure": "shift"}
    said |= {"value": 0.62, "expected": 0.21, "p_value": 1e-6 if flagged else 0.4, "rows": 800}
    return Measurement(**said | {"interval": day(number), "flagged": flagged} | changed)


def days(flagged: str, **changed: object) -> list[Measurement]:
    """One measurement a day up to today: x is flagged, - is not, and a blank was not judged."""
    first = TODAY - len(flagged) + 1
    marks = [(number, mark) for number, mark in enumerate(flagged, start=first) if mark != " "]
    return [shift(number, flagged=mark == "x", **changed) for number, mark in marks]


def found(*measurements: Measurement, config: Monitoring = CONFIG) -> tuple[Finding, ...]:
    return confirmed(measurements, interval=day(TODAY), version=4, config=config)


@pytest.mark.parametrize(
    ("flagged", "is_confirmed"),
    [("xxx", True), ("x-x-x", True), ("--xx", False), ("xxx---", False), ("x x  x", True), ("xx", False), ("", False)],
)
def test_a_column_is_confirmed_in_three_of_its_last_five_judged_intervals(flagged, is_confirmed):
    assert bool(found(*days(flagged))) is is_confirmed


def test_a_finding_says_how_much_what_is_usual_and_how_often():
    assert found(*days("-x-xx")) == (
        Finding(
            about="feature",
            subjects=("distance",),
            effect=0.62,
            severity="warn",
            message="distance moved by 0.62 standard deviations, 0.21 is usual; in 3 of the last 5 intervals",
        ),
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"measure": "divergence"}, "the categories of distance moved by 0.62 (Jensen-Shannon), 0.21 is usual"),
        (
            {"measure": "missing", "value": -0.1, "expected": 0.011},
            "the share of missing values of distance changed by 10.0%, 1.1% is usual",
        ),
        ({"measure": "unseen"}, "62.0% of the rows have a distance that the version has never seen, 21.0% is usual"),
    ],
    ids=["divergence", "missing", "unseen"],
)
def test_each_measure_has_words_of_its_own(changed, words):
    (finding,) = found(*days("xxx", **changed))
    assert finding.message.startswith(words)


def test_several_columns_are_one_finding_the_largest_first():
    (finding,) = found(*days("xxx"), *days("xxx", subject="carrier", value=0.9), *days("x--", subject="origin"))
    assert (finding.subjects, finding.effect) == (("carrier", "distance"), 0.9)
    assert finding.message.startswith("carrier moved by 0.90")


def test_of_many_columns_five_are_described():
    (finding,) = found(*(each for name in "abcdefg" for each in days("xxx", subject=name)))
    assert len(finding.subjects) == 7
    assert finding.message.endswith(". and 2 more")


def test_other_versions_and_later_intervals_say_nothing():
    assert found(*days("xxx", version=3)) == ()
    assert found(*days("xx"), shift(TODAY + 1)) == ()


def test_drift_of_the_features_is_severe_where_the_predictions_moved_too():
    prediction = days("xxx", about="prediction", subject="prediction")
    assert [(each.about, each.severity) for each in found(*days("xxx"), *prediction)] == [
        ("feature", "severe"),
        ("prediction", "warn"),
    ]


@pytest.mark.parametrize(
    ("rule", "severity"),
    [
        ({"columns": ("carrier", "origin")}, "severe"),
        ({"columns": ("origin",)}, "ignore"),
        ({"min_columns": 2}, "severe"),
        ({"min_columns": 3}, "ignore"),
        ({"min_effect": 0.62}, "severe"),
        ({"min_effect": 0.63}, "ignore"),
        ({"with_prediction": True}, "ignore"),
    ],
    ids=str,
)
def test_the_first_rule_that_fits_says_how_bad_it_is_and_what_none_fits_is_recorded(rule, severity):
    rules = (Rule(about="label", severity="warn"), Rule(about="feature", severity="severe", **rule))
    (finding,) = found(*days("xxx"), *days("xxx", subject="carrier"), config=CONFIG.model_copy(update={"rules": rules}))
    assert finding.severity == severity


def window(number: int, *, flagged: bool, **changed: object) -> Measurement:
    said: dict[str, object] = {"about": "performance", "subject": "roc_auc", "measure": "window", "value": 0.6}
    said |= {"low": 0.58, "high": 0.62, "expected": 0.7}
    return shift(number, flagged=flagged, **said | changed)


def test_performance_is_confirmed_by_its_newest_window():
    assert found(window(7, flagged=True), window(8, flagged=False)) == ()
    (finding,) = found(window(7, flagged=False), window(8, flagged=True))
    assert (finding.about, finding.subjects, finding.severity) == ("performance", ("roc_auc",), "severe")
    assert finding.effect == pytest.approx(0.1)
    assert finding.message == (
        "roc_auc is 0.6 (0.58 to 0.62), 0.7 was expected; "
        "the performance has fallen and no feature has changed: the relation to the label has"
    )


def test_a_performance_that_fell_while_inputs_changed_says_which():
    drifted = days("-xxx", about="feature", subject="distance", measure="shift", value=0.6)
    performance = next(each for each in found(*drifted, window(4, flagged=True)) if each.about == "performance")
    said = "the performance has fallen while distance changed: the inputs may be the reason"
    assert performance.message.endswith(said)


def test_a_window_without_a_value_is_not_the_newest():
    (finding,) = found(window(8, flagged=True), window(9, flagged=False, value=None, note="not judged yet"))
    assert finding.about == "performance"


def test_the_note_of_a_window_is_its_message():
    note = "0.6 is below min, 0.7"
    (finding,) = found(window(9, flagged=True, about="business", subject="saved_hours", note=note))
    assert (finding.about, finding.message) == ("business", f"saved_hours: {note}")


def test_the_service_is_confirmed_like_a_column_whatever_version_it_served():
    slow = {"about": "service", "subject": "p95_ms", "measure": "p95_ms", "value": 750.0, "expected": 500.0}
    (finding,) = found(*days("x-xx", version=None, **slow))
    assert (finding.about, finding.subjects, finding.effect) == ("service", ("p95_ms",), 1.5)
    assert finding.message == "p95 of the answers took 750 ms, 500 ms is allowed; in 3 of the last 4 intervals"
    assert found(*days("x-x", version=None, **slow)) == ()


def test_what_could_be_judged_is_told_apart_from_what_could_not():
    def topics(*measurements: Measurement) -> frozenset[str]:
        return judged_topics(measurements, interval=day(TODAY), version=4)

    assert topics() == frozenset()
    assert topics(shift(TODAY)) == {"model"}
    assert topics(shift(TODAY - 1)) == frozenset()
    assert topics(shift(TODAY, version=3)) == frozenset()
    assert topics(shift(TODAY, p_value=None, note="too few rows")) == frozenset()
    assert topics(window(TODAY - 3, flagged=False)) == {"model"}
    assert topics(shift(TODAY, about="service", subject="p95_ms", measure="p95_ms")) == {"service"}
