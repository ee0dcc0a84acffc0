"""The budget of false alarms holds and drift is caught: parts of the replays, and the page they made."""

import re
from pathlib import Path

import pytest

from tests.unit.monitoring.play import REFERENCE_DAYS, doubled, episodes, made_up_replay, nulled, shifted
from tests.unit.monitoring.replays import CAUGHT_IN, FLIGHTS, MADE_UP, STARTS, caught_line

PAGE = (Path(__file__).parents[3] / "docs" / "drift.md").read_text(encoding="utf-8")
BUDGET = 1
LAST_DAY = REFERENCE_DAYS + 182


@pytest.fixture(scope="module")
def replayed():
    replay = made_up_replay(MADE_UP[0])
    return replay, replay.reference()


def rows_of(head: str) -> list[list[str]]:
    """The cells of the table with this head."""
    table = PAGE.partition(head + "\n")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[1:]]


def row_of(head: str, title: str) -> list[str]:
    (row,) = [row for row in rows_of(head) if row[0] == title]
    return row


def test_half_a_year_without_drift_has_no_more_alarms_than_the_budget(replayed):
    replay, reference = replayed
    days = [replay.measure(reference, day) for day in range(REFERENCE_DAYS, LAST_DAY)]
    assert len(episodes(days, replay.drift)) <= BUDGET


@pytest.mark.parametrize(
    ("column", "change", "within"),
    [
        ("number_0", shifted("number_0", 0.5), 3),
        ("number_9", nulled("number_9", 0.1), 3),
        ("category_0", nulled("category_0", 0.1), 3),
    ],
    ids=["half a standard deviation", "a tenth null", "a tenth of a category null"],
)
def test_drift_that_was_put_there_is_caught_within_the_stated_number_of_intervals(replayed, column, change, within):
    replay, reference = replayed
    assert replay.caught(reference, column, change, start=STARTS[0]) <= within


def test_what_is_repeated_agrees_with_the_page():
    replays = [made_up_replay(seed) for seed in MADE_UP[:CAUGHT_IN]]
    found = [
        replay.caught(replay.reference(), "category_0", doubled("category_0", "a"), start=start)
        for replay in replays
        for start in STARTS[:1]
    ]
    line = caught_line("category_0: a doubles", found)
    of_page = row_of("| drift in made-up days | caught | intervals | latest |", "category_0: a doubles")
    assert line.startswith(f"| {of_page[0]} |")
    tried = re.fullmatch(r"(\d+) of (\d+)", of_page[1])
    assert tried is not None
    assert int(tried[2]) == CAUGHT_IN * len(STARTS)
    assert sum(each is not None for each in found) <= int(tried[1])


@pytest.mark.parametrize("days", ["flights", "made up"])
def test_the_page_says_that_the_budget_is_kept_and_the_defaults_do_not(days):
    head = "| days | alarm | days marked | alarms a year |"
    rates = {row[1]: float(row[3]) for row in rows_of(head) if row[0] == days}
    assert rates["Retrainer"] <= BUDGET
    assert rates["KS or chi-squared p < 0.05, any column"] > 5
    assert len(rates) == 3


def test_the_page_says_how_much_was_replayed():
    assert f"{len(FLIGHTS)} orders" in PAGE
    assert f"{len(MADE_UP)} made-up years" in PAGE
