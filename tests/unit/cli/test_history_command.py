"""`retrainer history`: every entry of a model's ledger, the newest first, for people and for programs."""

import json

import pytest

from retrainer.contracts import Entry

NEWEST_FIRST = [
    ("8", "archive", "v3", "v1"),
    ("7", "rollback", "v1", "v1"),
    ("6", "reject", "v4", "v2"),
    ("5", "repair", "v2", "v2"),
    ("4", "reject", "v3", "v2"),
    ("3", "promote", "v2", "v2"),
    ("2", "approve", "v2", "v1"),
    ("1", "promote", "v1", "v1"),
]


def rows(out: str) -> list[tuple[str, str, str, str]]:
    """Number, action, version and champion of each line below the head."""
    words = [line.split() for line in out.splitlines()[1:]]
    return [(number, action, version, champion) for number, _, _, action, version, champion, *_ in words]


def test_each_entry_is_one_line_with_who_and_why(story, retrainer):
    said = retrainer(story.world, "history", "flight_delay")
    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines()[0].split() == [
        *("entry", "when", "(UTC)", "action", "version", "champion", "who", "why", "evidence")
    ]
    assert rows(said.out) == NEWEST_FIRST
    lines = said.out.splitlines()
    assert "  airflow run night 4  not shown to be better" in lines[3]
    assert "  retrainer            alias champion named v1, the ledger says v2: set back" in lines[4]
    assert "  ada                  looked at the slices" in lines[7]


def test_what_people_wrote_cannot_break_the_line_nor_colour_the_terminal(story, retrainer):
    out = retrainer(story.world, "history", "flight_delay").out
    assert "  grace                complaints from [31mthe gate\n" in out
    assert "\x1b" not in out


def test_an_entry_leads_to_report_and_card(story, retrainer):
    out = retrainer(story.world, "history", "flight_delay").out
    evidence = story.world.ledger.entries("flight_delay")[0].evidence
    first = out.splitlines()[-1]
    assert first.endswith(f"  {evidence['report_url']} {evidence['card_url']}")
    assert evidence["report_url"].endswith("/evaluation_report.html")
    assert evidence["card_url"].endswith("/model_card.html")


def test_on_a_terminal_report_and_card_are_words_to_click_on(story, retrainer):
    said = retrainer(story.world, "history", "flight_delay", FORCE_COLOR="1", TERM="xterm-256color", COLUMNS="120")
    evidence = story.world.ledger.entries("flight_delay")[0].evidence
    for key, word in (("report_url", "report"), ("card_url", "card")):
        assert f";{evidence[key]}\x1b\\{word}\x1b]8;;\x1b\\" in said.out


def test_as_json_nothing_of_the_ledger_is_missing(story, retrainer):
    said = retrainer(story.world, "history", "flight_delay", "--json")
    entries = [Entry.model_validate(each) for each in json.loads(said.out)]
    assert list(reversed(entries)) == story.world.ledger.entries("flight_delay")
    assert (said.status, said.err) == (0, "")


@pytest.mark.parametrize(("limit", "numbers"), [("2", ["8", "7"]), ("99", list("87654321"))])
def test_a_limit_shows_the_newest(story, retrainer, limit, numbers):
    said = retrainer(story.world, "history", "flight_delay", "--limit", limit)
    assert [row[0] for row in rows(said.out)] == numbers


def test_a_limit_that_is_none_is_refused(story, retrainer):
    said = retrainer(story.world, "history", "flight_delay", "--limit", "0")
    assert (said.status, said.out) == (2, "")
    assert "0 is not in the range x>=1" in said.err
