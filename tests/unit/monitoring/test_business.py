"""Business metrics: results of declared expressions, their bounds, and results that are no number."""

from dataclasses import replace
from decimal import Decimal

import pytest

from retrainer.config.monitoring import Business
from retrainer.monitoring.business import Uncomputable, measure_business, measure_business_window
from tests.unit.monitoring.past import day, flights, yardstick_of

COST = Business(name="cost_a_flight", value="avg(prediction)", min=1, max=5)


def measured(result: object, declared: Business = COST):
    return measure_business(flights(0, 0.7), declared, result, by=yardstick_of())


@pytest.mark.parametrize(
    ("result", "value", "flagged", "expected", "note"),
    [
        (3.0, 3, False, 1, ""),
        (5, 5, False, 1, ""),
        (Decimal("0.5"), 0.5, True, 1, "0.5 is below min, 1"),
        (7, 7, True, 5, "7 is above max, 5"),
    ],
    ids=["within", "on the bound", "below", "above"],
)
def test_a_result_outside_its_bounds_is_flagged(result, value, flagged, expected, note):
    found = measured(result)
    assert (found.about, found.subject, found.measure) == ("business", "cost_a_flight", "cost_a_flight")
    assert (found.value, found.flagged, found.expected, found.note) == (value, flagged, expected, note)
    assert (found.interval, found.version, found.rows) == (day(0), 1, 600)


@pytest.mark.parametrize(
    ("result", "why"),
    [
        (None, "the expression gave NULL"),
        (float("nan"), "the expression gave nan"),
        (float("inf"), "the expression gave inf"),
        ("many", "the expression gave no number, but str"),
        (Uncomputable("Out of Range Error: too large"), "Out of Range Error: too large"),
    ],
)
def test_a_result_that_is_no_number_is_no_value_and_no_alarm(result, why):
    found = measured(result)
    assert (found.value, found.flagged, found.note) == (None, False, f"cost_a_flight has no value: {why}")


def test_without_bounds_nothing_is_flagged():
    found = measured(10**6, Business(name="rows", value="count(*)"))
    assert (found.value, found.expected, found.flagged) == (10**6, None, False)


def test_below_the_declared_coverage_it_is_not_known_yet():
    each = replace(flights(0, 0.7, rows=100), predictions=400)
    found = measure_business(each, COST, 100, by=yardstick_of())
    assert (found.value, found.flagged) == (None, False)
    assert found.note == "not known yet: 100 of 400 predictions (25%) have a label, 80% are needed"


def test_the_window_is_on_the_newest_interval():
    found = measure_business_window(flights(6, 0.7), COST, 9.0, rows=4200)
    assert (found.interval, found.measure, found.subject) == (day(6), "window", "cost_a_flight")
    assert (found.value, found.rows, found.flagged) == (9, 4200, True)
