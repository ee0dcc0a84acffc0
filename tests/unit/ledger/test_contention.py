"""Forty threads, and two schedulers with twenty each, promote at once: one sequence, no gap, no double, one winner."""

import json
import subprocess
import sys
from pathlib import Path

from retrainer.ledger import Ledger
from tests.unit.ledger.contender import DECIDED, PLACES, RACE, contend

ROOT = Path(__file__).parents[3]


def check(ledger: Ledger, outcomes: list[dict[str, list]]) -> None:
    won = sorted(place for outcome in outcomes for place in outcome["won"])
    actions = sorted(action for outcome in outcomes for action in outcome["actions"])
    assert [failure for outcome in outcomes for failure in outcome["failed"]] == []
    assert won == list(range(1, PLACES + 1))
    assert [entry.sequence for entry in ledger.entries(RACE)] == list(range(1, PLACES + 1))
    assert actions == ["promote"] + ["reject"] * 39
    entries = ledger.entries(DECIDED)
    assert [entry.sequence for entry in entries] == list(range(1, 41))
    assert len({entry.identity for entry in entries}) == 40
    assert entries[0].action == "promote"


def test_of_forty_threads_exactly_one_gets_each_place_and_exactly_one_promotes(ledger):
    check(ledger, [contend(ledger, "scheduler", 40)])


def test_of_two_schedulers_with_twenty_threads_exactly_one_gets_each_place_and_exactly_one_promotes(database_url):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT}
    command = [sys.executable, "-m", "tests.unit.ledger.contender", database_url]
    schedulers = [subprocess.Popen([*command, name, "20"], **pipes) for name in ("one", "two")]
    for scheduler in schedulers:
        assert scheduler.stdout.readline() == "ready\n"
    for scheduler in schedulers:
        scheduler.stdin.write("go\n")
        scheduler.stdin.flush()
    answers = [scheduler.communicate() for scheduler in schedulers]
    assert [error for _, error in answers] == ["", ""]
    check(Ledger.open(database_url), [json.loads(answer) for answer, _ in answers])
