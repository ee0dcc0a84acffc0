"""Values from data and YAML are shown in Markdown and in HTML as they are, and never obeyed."""

import pytest

from retrainer.documents.markdown import code, escaped, link, markdown_to_html, paragraphs, table
from tests.unit.documents.pages import Page

HOSTILE = [
    "<script>alert(1)</script>",
    "a | b || c",
    "`x` and ``y``",
    "**bold** _italic_ __both__ ~~gone~~",
    "[click](javascript:alert(1)) ![i](http://evil/x.png)",
    "<http://evil.example>",
    "&lt;b&gt; &amp; &copy;",
    "back\\slash \\| \\",
    "snake_case_name __dunder__",
    "$x^2$ #1 - 2. +3",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_within_a_line_reads_as_it_was_written(value):
    page = Page(markdown_to_html(f"Said: {escaped(value)}"))

    assert page.text.strip() == f"Said: {value}"
    assert page.tags == ["p"]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_in_a_table_stays_in_its_cell(value):
    page = Page(markdown_to_html(table(["Name", "Value"], [["one", value], [value, "two"]])))

    assert page.tags.count("td") == 4
    assert page.text.count(value) == 2
    assert not {"script", "a", "img", "em", "strong", "code"} & set(page.tags)


@pytest.mark.parametrize("value", [value for value in HOSTILE if "\\|" not in value])
def test_a_code_span_shows_its_value_alone_and_in_a_table(value):
    alone = Page(markdown_to_html(f"Said: {code(value)}"))
    within = Page(markdown_to_html(table(["Value"], [[code(value)]])))

    assert alone.text.strip() == f"Said: {value}"
    assert within.tags.count("td") == 1
    assert value in within.text


@pytest.mark.parametrize("value", ["# heading", "- item", "+ item", "1. first", "2) second", "=====", "> quote", "---"])
def test_free_text_makes_no_heading_list_or_rule(value):
    page = Page(markdown_to_html(paragraphs(value)))

    assert page.tags == ["p"]
    assert page.text.strip() == value


def test_free_text_keeps_its_paragraphs_and_an_indented_one_is_no_code():
    page = Page(markdown_to_html(paragraphs("First\nline.\n\n    Second.")))

    assert page.tags == ["p", "p"]
    assert page.text.split("\n") == ["First line.", "Second.", ""]


def test_line_breaks_and_characters_without_a_shape_end_no_row():
    text = table(["Value"], [["a\nb\r\nc\x00d\u2028e"]])

    assert text.splitlines()[-1] == "| a b c d e |"


def test_only_a_web_address_becomes_a_link():
    assert link("page", "javascript:alert(1)") == "page"
    assert link("page", "sqlite:///x") == "page"
    html = markdown_to_html(link("a]b", "http://host/#/runs/1 <b>\n(x)"))
    assert Page(html).addresses == [("a", "href", "http://host/#/runs/1%20%3Cb%3E%0A(x)")]


def test_no_rows_make_no_table():
    assert table(["Value"], []) == ""
