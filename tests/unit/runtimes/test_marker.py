"""Marked lines of a step's output, and lines that only look like one."""

import pytest

from retrainer.runtimes.marker import RESULT_MARKER, marked_line, parse_marked
from retrainer.runtimes.output import Lines


@pytest.mark.parametrize(
    "line",
    [
        'INFO retrainer-result: {"a": 1}',
        ' retrainer-result: {"a": 1}',
        "retrainer-result: ",
        "retrainer-result: [1]",
        "retrainer-result: 1",
        'retrainer-result: {"a": 1',
        'retrainer-result: {"a": NaN}',
        'retrainer-result: {"a": 1} and more',
        'retrainer-result:{"a": 1}',
        "",
    ],
)
def test_a_line_that_only_mentions_the_marker_is_no_result(line):
    assert parse_marked(RESULT_MARKER, line) is None


def test_a_marked_line_reads_back_as_it_was_written():
    value = {"name": "Zürich\nLine  sep", "rows": 3, "nested": {"none": None}}
    line = marked_line(RESULT_MARKER, value)
    assert line.count("\n") == 1
    assert parse_marked(RESULT_MARKER, line.removesuffix("\n")) == value


def cut(*pieces: bytes, longest: int = 100) -> list[tuple[str, bool]]:
    taken: list[tuple[str, bool]] = []
    lines = Lines(lambda line, whole: taken.append((line, whole)), longest)
    for piece in pieces:
        lines.feed(piece)
    return taken


def test_a_line_is_handed_on_once_however_many_pieces_it_comes_in():
    assert cut(b"a", b"b", b"c\nd", b"e\n", b"") == [("abc", True), ("de", True)]


def test_several_lines_in_one_piece_are_handed_on_apart():
    assert cut(b"a\n\nb\n", b"") == [("a", True), ("", True), ("b", True)]


def test_what_is_left_at_the_end_is_handed_on_as_a_part_of_a_line():
    assert cut(b"a\nb", b"") == [("a", True), ("b", False)]


def test_a_line_without_end_is_handed_on_in_pieces():
    assert cut(b"x" * 60, b"y" * 60, b"z\n", longest=100) == [("x" * 60 + "y" * 60, False), ("z", True)]


def test_bytes_that_are_not_utf8_do_not_stop_the_log():
    assert cut(b"caf\xe9\n") == [("caf\ufffd", True)]
