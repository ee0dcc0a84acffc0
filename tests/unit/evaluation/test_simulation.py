"""The declared level holds: of challengers that are not better, no more are promoted than the documents say."""

import math
import re
from pathlib import Path

import pytest

from tests.unit.evaluation.simulation import (
    BETTER,
    CONFIDENCE,
    EQUAL,
    REPETITIONS,
    Scenario,
    better_line,
    equal_line,
    simulate,
)

PAGE = Path(__file__).parents[3] / "docs" / "false-promotions.md"
LEVEL = (1 - CONFIDENCE) / 2

QUICK = (Scenario("roc_auc", 14, own=0.5), Scenario("neg_log_loss", 8, own=1.0), Scenario("neg_mean_absolute_error", 8))


def chance(level: float, repetitions: int) -> float:
    """Three standard errors of a rate that is `level`."""
    return 3 * math.sqrt(level * (1 - level) / repetitions)


def rows_of(page: str) -> list[list[str]]:
    """The cells of every line of every table with a rate in it."""
    lines = [line for line in page.splitlines() if line.startswith("|") and "%" in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("scenario", QUICK, ids=lambda each: each.title)
def test_equally_good_challengers_are_promoted_at_most_at_the_declared_level(scenario):
    rates = simulate(scenario, 500)
    assert rates.rate <= LEVEL + chance(LEVEL, 500)
    assert rates.by_point / 500 == pytest.approx(0.5, abs=chance(0.5, 500))


def test_a_challenger_worse_by_just_the_margin_passes_non_inferiority_at_most_at_the_declared_level():
    worse = Scenario("neg_mean_absolute_error", 14, noise=1.0)
    loss = -simulate(worse, 500).difference
    at_the_margin = simulate(Scenario("neg_mean_absolute_error", 14, noise=1.0, margin=loss), 500)
    assert at_the_margin.rate <= LEVEL + chance(LEVEL, 500)


def test_a_much_better_challenger_is_promoted_and_more_often_the_better_it_is():
    powers = [simulate(Scenario("neg_log_loss", 14, noise=noise), 150).rate for noise in (0.7, 0.5, 0.3)]
    assert powers == sorted(powers)
    assert powers[-1] > 0.8


def test_the_page_shows_every_scenario_and_no_rate_of_it_is_above_the_declared_level():
    rows = rows_of(PAGE.read_text(encoding="utf-8"))
    assert [row[0] for row in rows] == [each.title for each in (*EQUAL, *BETTER)]
    rates = [float(row[3].rstrip("%")) / 100 for row in rows[: len(EQUAL)]]
    assert max(rates) <= LEVEL + chance(LEVEL, REPETITIONS)
    assert sum(rates) / len(rates) <= LEVEL


@pytest.mark.parametrize("place", [3, 11, 19])
def test_a_repeated_scenario_agrees_with_the_page(place):
    row = rows_of(PAGE.read_text(encoding="utf-8"))[place]
    again = simulate(EQUAL[place], 400)
    cells = [cell.strip() for cell in equal_line(EQUAL[place], again).strip("|").split("|")]
    assert cells[:3] == row[:3]
    shown = float(row[3].rstrip("%")) / 100
    assert again.rate == pytest.approx(shown, abs=chance(LEVEL, 400))


def test_the_power_on_the_page_is_what_the_simulation_gives():
    row = rows_of(PAGE.read_text(encoding="utf-8"))[len(EQUAL) + 4]
    again = simulate(BETTER[4], 300)
    assert re.fullmatch(r"\| roc_auc, 14 days \| .*", better_line(BETTER[4], again))
    shown = float(row[2].rstrip("%")) / 100
    assert again.rate == pytest.approx(shown, abs=chance(0.5, 300))
