"""The decision: what stands out and what does not, each odd interval, and K of the last N."""

import numpy as np
import pytest

from retrainer.config.monitoring import Confirmation, Drift
from retrainer.contracts.monitoring import Measurement
from retrainer.errors import ConfigurationError
from retrainer.monitoring.drift import confirmed_columns, measure_drift
from tests.unit.monitoring.drifting import A_YEAR, DRIFT, day_of, interval, measure, reference_of


@pytest.fixture(scope="module")
def reference():
    return reference_of()


def flagged(found) -> set[tuple[str, str]]:
    return {test for test, each in found.items() if each.flagged}


def texts(*values: str | None, rows: int = 400) -> np.ndarray:
    return np.array([values[place % len(values)] for place in range(rows)], dtype=object)


def test_an_ordinary_interval_is_measured_and_nothing_stands_out(reference):
    found = measure(reference, day_of(100))
    assert set(found) == {
        *(("amount", measure) for measure in ("shift", "missing", "psi")),
        *(("region", measure) for measure in ("divergence", "missing", "unseen", "psi")),
        *(("prediction", measure) for measure in ("shift", "psi")),
        *(("label", measure) for measure in ("divergence", "unseen", "psi")),
    }
    assert not flagged(found)
    assert all(each.p_value is None and each.expected is None for (_, name), each in found.items() if name == "psi")
    shift = found["amount", "shift"]
    assert (shift.rows, shift.version, shift.about, shift.note) == (400, 3, "feature", "")
    assert 0 < shift.value < 3 * shift.expected


@pytest.mark.parametrize(
    ("changed", "test"),
    [
        ({"amount": day_of(100)["amount"] + 10}, ("amount", "shift")),
        ({"amount": day_of(100)["amount"] * 1000}, ("amount", "shift")),
        ({"amount": np.full(400, 100.0)}, ("amount", "shift")),
        ({"amount": np.where(np.arange(400) % 10 == 0, np.nan, 100.0)}, ("amount", "missing")),
        ({"amount": np.where(np.arange(400) % 10 == 0, np.inf, 100.0)}, ("amount", "missing")),
        ({"region": texts("north", "north", "north", "west")}, ("region", "divergence")),
        ({"region": texts("north", "south", "east", "abroad")}, ("region", "unseen")),
        ({"region": texts("north", "south", "east", None)}, ("region", "missing")),
        ({"prediction": np.random.default_rng(0).beta(4, 4, 400)}, ("prediction", "shift")),
        ({"label": np.ones(400)}, ("label", "divergence")),
    ],
    ids=[
        "a standard deviation", "another unit", "constant", "a tenth missing", "infinite", "other shares",
        "a new category", "missing category", "predictions", "labels",
    ],
)  # fmt: skip
def test_what_changed_stands_out(reference, changed, test):
    found = measure(reference, day_of(100, **changed))
    assert test in flagged(found)
    assert found[test].p_value < 0.01
    assert abs(found[test].value) > found[test].expected


def test_a_feature_that_vanished_is_missing_in_every_row(reference):
    columns = {name: values for name, values in day_of(100).items() if name != "amount"}
    found = measure(reference, columns)
    assert found["amount", "missing"].value == 1.0
    assert found["amount", "missing"].flagged
    assert (found["amount", "shift"].value, found["amount", "shift"].note) == (None, "every value is missing")


def test_a_label_that_is_not_known_yet_is_not_judged_and_not_missing(reference):
    found = measure(reference, day_of(100, label=np.full(400, np.nan)))
    assert ("label", "missing") not in found
    assert (found["label", "divergence"].value, found["label", "divergence"].note) == (None, "no labels known yet")
    some = np.where(np.arange(400) < 150, day_of(100)["label"], np.nan)
    assert measure(reference, day_of(100, label=some))["label", "divergence"].rows == 150


def test_an_interval_without_rows_says_so(reference):
    for each in measure(reference, None).values():
        assert each.note in ("no rows", "no labels known yet")
        assert (each.value, each.p_value, each.flagged, each.rows) == (None, None, False, 0)


def test_an_interval_with_few_rows_has_values_and_is_not_judged(reference):
    found = measure(reference, day_of(100, rows=99, amount=np.full(99, 1e6)))["amount", "shift"]
    assert found.value > 100
    assert (found.p_value, found.flagged, found.note) == (None, False, "99 rows, 100 are needed")


def test_a_short_reference_judges_nothing_and_says_why():
    found = measure(reference_of({day: day_of(day) for day in range(13)}), day_of(100, amount=np.full(400, 1e6)))
    assert not flagged(found)
    assert found["amount", "shift"].note == "the reference has 13 intervals with 100 rows or more, 14 are needed"


def test_a_column_without_values_in_the_reference_is_not_judged_by_them():
    empty = {day: day_of(day, amount=np.full(400, np.nan)) for day in range(20)}
    found = measure(reference_of(empty), day_of(100))
    assert (found["amount", "shift"].value, found["amount", "shift"].note) == (None, "the reference has no values")
    assert found["amount", "missing"].value == -1.0
    assert found["amount", "missing"].flagged


def test_a_column_that_was_constant_stands_out_when_it_is_not():
    constant = {day: day_of(day, amount=np.full(400, 7.0)) for day in range(20)}
    found = measure(reference_of(constant), day_of(100, amount=np.full(400, 14.0)))
    assert found["amount", "shift"].value == pytest.approx(1.0)
    assert found["amount", "shift"].flagged


@pytest.mark.parametrize(
    ("least", "changed"),
    [
        (Drift(min_shift=2), {"amount": day_of(100)["amount"] + 15}),
        (Drift(min_missing=0.2), {"amount": np.where(np.arange(400) % 10 == 0, np.nan, day_of(100)["amount"])}),
        (Drift(min_divergence=0.9, min_unseen=0.5), {"region": texts("north", "south", "east", "abroad")}),
    ],
    ids=["shift", "missing", "categories"],
)
def test_nothing_below_the_least_effect_is_flagged(least, changed):
    found = measure(reference_of(drift=least), day_of(100, **changed), drift=least)
    assert not flagged(found)


def test_ignored_columns_are_not_measured(reference):
    assert ("amount", "shift") not in measure(reference, day_of(100), drift=Drift(ignore=("amount",)))


def test_the_same_input_gives_the_same_bytes(reference):
    again = reference_of()
    one, other = ([each.to_json() for each in measure(made, day_of(100)).values()] for made in (reference, again))
    assert one == other


def test_a_reference_without_a_level_for_the_rules_is_refused(reference):
    with pytest.raises(ConfigurationError, match="not calibrated"):
        measure_drift(
            reference,
            reference.sketch([day_of(100)]),
            Drift(min_rows=50),
            interval=interval(100),
            version=3,
            intervals_per_year=A_YEAR,
            seed=1,
        )


def marked(
    day: int, flagged: bool, *, subject: str = "amount", judged: bool = True, name: str = "shift"
) -> Measurement:
    return Measurement(
        interval=interval(day),
        version=3,
        about="feature",
        subject=subject,
        measure=name,
        value=0.8 if flagged else 0.1,
        expected=0.2,
        p_value=0.01 if judged else None,
        flagged=flagged,
    )


@pytest.mark.parametrize(
    ("days", "confirmed"),
    [
        ("..xxx", True), ("x.x.x", True), ("xxx..", True), ("..x.x", False), ("xxx...", False), ("xxx", True),
        ("", False), ("xx--x", True), ("xx-..x", True), ("xx....x", False),
    ],
)  # fmt: skip
def test_a_column_is_confirmed_when_flagged_in_three_of_the_last_five_judged_intervals(days, confirmed):
    history = [marked(day, mark == "x", judged=mark != "-") for day, mark in enumerate(days)]
    assert bool(confirmed_columns(history, DRIFT)) == confirmed


def test_what_is_confirmed_says_since_when_and_how_large():
    history = [marked(day, day > 0) for day in range(5)]
    (found,) = confirmed_columns(history[::-1], DRIFT)
    assert (found.about, found.subject, found.measure) == ("feature", "amount", "shift")
    assert (found.effect, found.expected, found.flagged, found.judged) == (0.8, 0.2, 4, 5)
    assert found.since == interval(1).start


def test_any_measure_of_a_column_counts_and_other_columns_do_not():
    two_measures = [marked(0, True), marked(1, True, name="missing"), marked(2, True)]
    assert len(confirmed_columns(two_measures, DRIFT)) == 1
    two_columns = [marked(0, True), marked(1, True, subject="region"), marked(2, True)]
    assert confirmed_columns(two_columns, DRIFT) == ()


def test_a_measurement_that_was_revised_counts_as_it_is_now():
    history = [marked(day, True) for day in range(3)]
    assert confirmed_columns([*history, marked(2, False)], DRIFT) == ()


def test_one_of_one_confirms_at_once():
    drift = Drift(confirm=Confirmation(intervals=1, of=1))
    assert confirmed_columns([marked(0, True)], drift)
    assert not confirmed_columns([marked(0, True), marked(1, False)], drift)
