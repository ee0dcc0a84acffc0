"""Data Docs: one page that a browser shows without a network, whatever is in the data."""

import dataclasses
import re
from html.parser import HTMLParser

import pytest

from retrainer.validation import Expectation, Suite, render, validate

HOSTILE = "<script>alert(1)</script><img src=//elsewhere.example/x onerror=alert(1)>"
EXPECTATIONS = [
    Expectation("expect_column_values_to_be_in_set", {"column": "carrier", "value_set": ["AA", "B6"]}),
    Expectation("expect_column_distinct_values_to_be_in_set", {"column": "carrier", "value_set": ["AA"]}, "warning"),
    Expectation("expect_column_values_to_be_between", {"column": "delay", "max_value": 5}),
    Expectation("expect_column_mean_to_be_between", {"column": "gate", "max_value": 5}),
]


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs


@pytest.fixture
def outcome(make_batch):
    batch = make_batch(f"* REPLACE (CASE flight_id WHEN 3 THEN '{HOSTILE}' ELSE carrier END AS carrier)")
    return validate(batch, Suite("flights", EXPECTATIONS, columns={"gate": "integer"}, key=("flight_id",)))


def test_the_page_loads_nothing_and_runs_nothing(outcome):
    page = Page(render(outcome, title=HOSTILE))
    assert not page.tags & {"script", "link", "img", "iframe", "object", "a", "form"}
    names = {name for name, _ in page.attributes}
    assert not names & {"src", "href", "srcset", "action"}
    assert not [name for name in names if name.startswith("on")]
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes


def test_the_page_shows_values_of_the_data_as_text(outcome):
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&lt;img" in render(outcome)


def test_the_page_holds_gx_results_and_built_in_checks(outcome, caplog):
    page = render(outcome)
    assert "column `gate` (integer) is missing" in page
    assert "key `flight_id` is unique" in page
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", page))
    assert "values must be less than or equal to 5" in text
    assert "4 unexpected values found. 40% of 10 total rows." in text
    assert "2 unexpected: [" in text
    assert not [record for record in caplog.records if "rendering" in record.getMessage()]


def test_several_batches_are_on_one_page_with_their_verdicts(outcome):
    good = dataclasses.replace(outcome, batch="2013-05-27T00:00:00Z", checks=outcome.checks[:0])
    page = render([outcome, good], title="flights")
    assert page.count("<section id=") == 2
    assert '<h2>flights / interval: <strong class="failed">failed</strong></h2>' in page
    assert '<h2>flights / 2013-05-27T00:00:00Z: <strong class="passed">passed</strong></h2>' in page
