"""Performance on late labels: coverage, value, the window against floor and promise, and how often chance alarms."""

from dataclasses import replace
from statistics import median

import numpy as np
import pytest

from retrainer.config.schedule import Schedule
from retrainer.contracts.monitoring import Measurement
from retrainer.monitoring.cause import cause
from retrainer.monitoring.labelled import LabelledInterval, Promise, intervals_a_year
from retrainer.monitoring.performance import measure_interval, measure_performance, measure_window
from retrainer.monitoring.significance import Looks, limit
from tests.unit.monitoring.past import day, flights, mean_output, promise_from, roc_auc, worth, yardstick_of

NO_NUMBERS = np.empty(0)
STEADY = [0.70, 0.74, 0.66, 0.71, 0.69, 0.73, 0.67]
"""A week of which the mean is 0.7 and the standard deviation 0.03."""

PROMISE = promise_from(STEADY * 2)


def covered(labelled: int, predictions: int) -> LabelledInterval:
    return replace(flights(0, 0.7, rows=labelled), predictions=predictions)


def value_of(each: LabelledInterval, **settings: object) -> Measurement:
    return measure_interval(each, yardstick_of(**settings))[1]


def window(values: list[float], *, floor: float | None = None, promise: Promise | None = PROMISE) -> Measurement:
    """The last week of days of these values."""
    found = measure_window(
        1, [worth(value, n) for n, value in enumerate(values)], yardstick_of(mean_output, floor=floor), promise=promise
    )
    assert found is not None
    return found


def test_an_interval_has_its_coverage_and_its_value_with_bounds():
    each = covered(400, 500)
    coverage, value = measure_interval(each, yardstick_of())
    assert (coverage.measure, coverage.value, coverage.rows) == ("coverage", 0.8, 500)
    assert (value.about, value.subject, value.measure, value.version) == ("performance", "roc_auc", "roc_auc", 1)
    assert value.value == roc_auc(*each.rows)
    assert value.low < value.value < value.high <= 1
    assert (value.rows, value.flagged, value.note) == (400, False, "")


def test_below_the_declared_coverage_it_is_not_known_yet():
    found = value_of(covered(312, 930))
    assert (found.value, found.low, found.flagged, found.rows) == (None, None, False, 312)
    assert found.note == "not known yet: 312 of 930 predictions (34%) have a label, 80% are needed"


def test_bounds_are_wide_enough_for_the_rows_and_no_wider():
    values = [value_of(flights(n, 0.7)) for n in range(200)]
    inside = sum(found.low <= 0.7 <= found.high for found in values)
    assert 0.84 <= inside / 200 <= 0.96  # declared: 0.9
    assert 0.03 < median(found.high - found.low for found in values) < 0.12


def test_measured_twice_it_is_the_same():
    assert value_of(flights(3, 0.7)) == value_of(flights(3, 0.7))


def test_a_label_that_is_corrected_changes_the_value():
    before = flights(0, 0.9)
    corrected = replace(before, labels=np.where(np.arange(600) < 100, 1 - before.labels, before.labels))
    assert value_of(corrected).value < value_of(before).value - 0.05


@pytest.mark.parametrize(
    ("each", "note"),
    [
        (LabelledInterval(day(0), None, 0, 0, NO_NUMBERS, NO_NUMBERS), "no predictions in this interval"),
        (
            LabelledInterval(day(0), 1, 50, 0, NO_NUMBERS, NO_NUMBERS),
            "not known yet: 0 of 50 predictions (0%) have a label, 80% are needed",
        ),
        (LabelledInterval(day(0), 1, 50, 50, np.zeros(50), np.arange(50.0)), "roc_auc is undefined: every label is 0"),
        (
            LabelledInterval(day(0), 1, 50, 50, np.arange(50.0) % 2, np.full(50, np.nan)),
            "roc_auc is undefined: 50 of 50 predictions are no finite number and do not count",
        ),
    ],
    ids=["no rows", "no labels", "one class", "no numbers"],
)
def test_what_has_no_value_says_why(each, note):
    found = value_of(each)
    assert (found.value, found.flagged, found.note) == (None, False, note)


def test_outputs_that_are_no_number_are_left_out_and_counted():
    each = flights(0, 0.7)
    broken = replace(each, outputs=np.where(np.arange(600) < 10, np.inf, each.outputs))
    found = value_of(broken)
    assert found.value == roc_auc(each.labels[10:], each.outputs[10:])
    assert found.note == "10 of 600 predictions are no finite number and do not count"


def test_too_few_rows_have_a_value_without_bounds():
    found = value_of(flights(0, 0.7, rows=30))
    assert found.value is not None
    assert (found.low, found.high) == (None, None)


def test_unknown_keys_and_duplicates_are_said_beside_the_coverage():
    coverage, _ = measure_interval(replace(flights(0, 0.7), unknown_keys=3, duplicates=1200), yardstick_of())
    assert coverage.note == (
        "3 predictions have a key that is not in the row table; 1,200 further predictions of the same key do not count"
    )


def test_the_window_is_on_the_newest_known_interval_and_bounds_the_value_of_all_its_rows():
    late = replace(worth(0.1, 8), labelled=0, labels=NO_NUMBERS, outputs=NO_NUMBERS)
    days = [worth(0.1, 0), *(worth(value, n + 1) for n, value in enumerate(STEADY)), late]
    found = measure_window(1, days, yardstick_of(mean_output), promise=PROMISE)
    assert (found.interval, found.measure, found.rows) == (day(7), "window", 7 * 40)
    assert found.value == pytest.approx(0.7)
    # Student's interval of seven days with standard deviation 0.0294: 1.943 * 0.0294 / sqrt(7) = 0.0216
    assert (found.low, found.high) == (pytest.approx(0.7 - 0.0216, abs=1e-4), pytest.approx(0.7 + 0.0216, abs=1e-4))
    assert (found.expected, found.flagged) == (pytest.approx(0.7), False)
    assert found.note == (
        "roc_auc 0.7000 over 7 intervals is not significantly under the 0.7000 that the release promised"
    )


def test_a_window_significantly_under_the_promise_is_flagged():
    found = window([*STEADY * 3, *(value - 0.08 for value in STEADY)])
    assert (found.flagged, found.expected) == (True, pytest.approx(0.7))
    assert found.p_value < 0.001
    assert found.note == "roc_auc 0.6200 over 7 intervals is significantly under the 0.7000 that the release promised"


def test_a_window_a_little_under_the_floor_is_no_alarm_and_one_well_under_it_is():
    little = window([*STEADY * 4], floor=0.71, promise=None)
    assert (little.flagged, little.expected) == (False, 0.71)
    assert little.note == "roc_auc 0.7000 over 7 intervals is not significantly under the floor of 0.71"
    assert window([*STEADY * 4], floor=0.75, promise=None).flagged


def test_a_window_above_both_is_not_flagged():
    assert not window([*(value + 0.05 for value in STEADY * 4)], floor=0.55).flagged


@pytest.mark.parametrize(
    ("days", "settings", "note"),
    [
        (2, {}, "not judged yet: 2 of 3 intervals are known"),
        (4, {}, "not judged yet: 4 intervals are too few to see how much they differ"),
        (6, {"min_rows": 300}, "not judged yet: 240 predictions of 6 intervals have a label, 300 are needed"),
        (7, {}, "no floor is declared, and the release promised nothing: not judged"),
    ],
)
def test_a_window_that_cannot_be_judged_says_why_and_is_not_flagged(days, settings, note):
    past = [worth(value, n) for n, value in enumerate(STEADY[:days])]
    found = measure_window(1, past, yardstick_of(mean_output, **({"min_rows": 50} | settings)), promise=None)
    assert (found.flagged, found.note) == (False, note)


def test_a_new_version_is_judged_after_fewer_days_where_those_before_say_how_much_days_differ():
    old = [worth(value, n) for n, value in enumerate(STEADY * 3)]
    new = [worth(value - 0.2, 21 + n, version=2) for n, value in enumerate(STEADY[:3])]
    by = yardstick_of(mean_output, min_rows=50)
    assert measure_window(2, new, by, promise=PROMISE).note.startswith("not judged yet")
    assert measure_window(2, [*old, *new], by, promise=PROMISE).flagged


def test_each_version_is_measured_by_itself():
    past = [
        worth(value, n, version=version)
        for n, value in enumerate(STEADY * 2)
        for version, value in ((1, value), (2, value - 0.1))
    ]
    found = measure_performance(past, yardstick_of(mean_output), {1: PROMISE, 2: PROMISE})
    windows = {each.version: each for each in found if each.measure == "window"}
    assert {version: each.flagged for version, each in windows.items()} == {1: False, 2: True}
    assert len(found) == 2 * 28 + 2


def test_a_version_without_any_known_interval_has_no_window():
    nothing = LabelledInterval(day(0), 1, 50, 0, NO_NUMBERS, NO_NUMBERS)
    found = measure_performance([nothing] * 30, yardstick_of(floor=0.6), {1: PROMISE})
    assert len(found) == 60
    assert not any(each.flagged or each.measure == "window" for each in found)


def crossings(flags: list[bool]) -> int:
    return sum(now and not before for before, now in zip([False, *flags], flags, strict=False))


def flagged_days(values: np.ndarray, promise: Promise, **options: object) -> list[bool]:
    """Is the window flagged, night by night, from the 30th on, by a run that looks back on 30 days?"""
    past = [worth(value, n) for n, value in enumerate(values)]
    by = yardstick_of(mean_output, **options)
    windows = (measure_window(1, past[end - 30 : end], by, promise=promise) for end in range(30, len(past) + 1))
    return [found.flagged for found in windows]


def spells(generator: np.random.Generator, days: int, *, persistence: float) -> np.ndarray:
    """Days around 0.7 with a standard deviation of 0.03, each correlated with the one before."""
    drawn = generator.normal(size=days)
    for number in range(1, days):
        drawn[number] = persistence * drawn[number - 1] + np.sqrt(1 - persistence**2) * drawn[number]
    return 0.7 + 0.03 * drawn


@pytest.mark.parametrize(
    ("persistence", "floor"),
    [(0.0, None), (0.2, None), (0.2, 0.7)],
    ids=["independent days", "spells of weather", "and a floor that is just reached"],
)
def test_a_model_that_keeps_its_promise_is_accused_no_more_often_than_declared(persistence, floor):
    generator, years, declared = np.random.default_rng(20), 10, 4.0
    alarms = 0
    for _ in range(years):
        holdout = spells(generator, 14, persistence=persistence)
        days = spells(generator, 29 + 365, persistence=persistence)
        flags = flagged_days(days, promise_from(holdout), floor=floor, false_alarms_per_year=declared)
        assert len(flags) == 365
        alarms += crossings(flags)
    assert 0.1 * declared < alarms / years < 1.5 * declared


def test_a_flipped_relation_is_caught_within_a_week():
    """From one day on the relation of a strong feature is the other way round: 0.70 becomes about 0.62."""
    generator, delays = np.random.default_rng(5), []
    for _ in range(20):
        level = np.where(np.arange(40) < 30, 0.70, 0.62)
        aucs = level + 0.024 * generator.normal(size=40)  # with 600 rows a day a standard deviation of 0.03 in all
        past = [replace(flights(int(generator.integers(10**6)), auc), interval=day(n)) for n, auc in enumerate(aucs)]
        promise = promise_from([roc_auc(*flights(int(generator.integers(10**6)), 0.7).rows) for _ in range(14)])
        nights = (measure_window(1, past[end - 30 : end], yardstick_of(), promise=promise) for end in range(31, 41))
        delays.append(next((n for n, found in enumerate(nights, 1) if found.flagged), 99))
    assert median(delays) <= 5
    assert max(delays) <= 8


def test_a_limit_is_found_for_a_schedule_of_minutes_too():
    daily = Looks(window=7, earlier=(7, 7), promised=16, has_floor=False, looks_a_year=365, crossings_a_year=1)
    assert 2.5 < limit(daily) < limit(replace(daily, looks_a_year=525_960)) < 20


@pytest.mark.parametrize(
    ("cron", "a_year"), [("0 0 * * *", 365), ("0 * * * *", 8766), ("0 0 * * 1", 52), ("0 0 1 * *", 12)]
)
def test_a_year_has_as_many_intervals_as_the_schedule_makes(cron, a_year):
    found = intervals_a_year(Schedule.model_validate({"cron": cron, "start": "2013-01-01"}))
    assert found == pytest.approx(a_year, abs=1)


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        ({"fell": True}, "concept"),
        ({"fell": True, "features": ["a"]}, "both"),
        ({"fell": False, "features": ["a"]}, "features"),
        ({"fell": False, "predictions": True}, "unexplained"),
        ({"fell": None, "predictions": True}, "unexplained"),
        ({"fell": None}, "not_known"),
        ({"fell": False}, "none"),
    ],
)
def test_concept_drift_is_told_apart_from_feature_drift(seen, found):
    assert cause(**seen).cause == found


def test_the_cause_is_said_in_words():
    assert cause(fell=True).words == (
        "the performance has fallen and no feature has changed: the relation to the label has"
    )
    many = cause(fell=True, features=list("abcdefg"), labels=True).words
    assert many == (
        "the performance has fallen while a, b, c, d, e and 2 more changed: the inputs may be the reason, "
        "and how often labels are what they are has changed too"
    )
