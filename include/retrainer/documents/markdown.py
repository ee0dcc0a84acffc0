"""Markdown whose values mean nothing: what comes from data or from a declaration is shown as it is, never obeyed."""

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from markdown_it import MarkdownIt

_SPECIAL = re.compile(r"([\\`*\[\]<>|~&!]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
"""Characters that open something anywhere in a line; an underscore inside a word opens nothing."""

_LINE_START = re.compile(r"^(\d{1,9})(?=[.)])|^(?=[-+=#])")
"""What makes a heading, a list or a rule of a line."""

_BARE_PIPE = re.compile(r"(?<!\\)\|")


class Markdown(str):
    """Text that is Markdown already; every other value is escaped."""

    __slots__ = ()


def escaped(value: object) -> Markdown:
    """`value` inside a line of Markdown: shown, never obeyed. A line begins with `paragraphs` instead."""
    if isinstance(value, Markdown):
        return value
    return Markdown(_SPECIAL.sub(r"\\\1", _one_line(str(value))))


def code(value: object) -> Markdown:
    """`value` as a code span, between more backticks than it holds itself."""
    text = _one_line(str(value))
    if not text:
        return Markdown("")
    fence = "`" * (max((len(run) for run in re.findall(r"`+", text)), default=0) + 1)
    room = " " if text[0] in "` " or text[-1] in "` " else ""
    return Markdown(f"{fence}{room}{text}{room}{fence}")


def link(text: object, url: str) -> Markdown:
    """A link to a web page; the text alone where `url` is none."""
    if not re.match(r"https?://", url):
        return escaped(text)
    return Markdown(f"[{escaped(text)}](<{quote(url, safe=':/?#[]@!$&()*+,;=%~')}>)")


def paragraphs(text: str) -> Markdown:
    """Free text that begins a line, with its paragraphs kept."""
    parts = (escaped(part) for part in re.split(r"\n\s*\n", text) if part.strip())
    return Markdown("\n\n".join(_LINE_START.sub(lambda start: f"{start[1] or ''}\\", part) for part in parts))


def table(header: Sequence[object], rows: Iterable[Sequence[object]]) -> Markdown:
    """A table, one line a row; the empty text where there is no row."""
    lines = [_row(row) for row in rows]
    return Markdown("\n".join([_row(header), "|" + " --- |" * len(header), *lines]) if lines else "")


def markdown_to_html(text: str) -> str:
    """The body of a page. HTML inside `text` is shown, not obeyed; a table scrolls within itself."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("table_open", lambda *_: '<div class="wide"><table>\n')
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    return str(parser.render(text))


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(_BARE_PIPE.sub(r"\\|", escaped(cell)) for cell in cells) + " |"


def _one_line(text: str) -> str:
    """Without line breaks and without characters that have no shape."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
