"""What the tests of pages look for in them."""

import re
from html.parser import HTMLParser

_VOID = frozenset({"meta", "br", "hr", "img", "link", "input"})


class Page(HTMLParser):
    """A page taken apart: its tags in order, the addresses it names, its text. Tags that do not match are an error."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[tuple[str, str, str]] = []
        self.attributes: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == [], self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._saw(tag, attrs)
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._saw(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1:] == [tag], (tag, self._open)
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open[-1:] != ["style"]:
            self.text += data

    def _saw(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.addresses += [(tag, name, value or "") for name, value in attrs if name.split(":")[-1] in ("src", "href")]


def read(html: str) -> Page:
    """The page; it needs nothing else: no script, no handler, no address but its own parts and links to follow."""
    page = Page(html)
    assert "default-src 'none'" in html
    assert 'name="viewport"' in html
    assert not {"script", "link", "iframe", "object", "img", "base", "form"} & set(page.tags)
    assert not [name for name in page.attributes if name.startswith("on")]
    loaded = [item for item in page.addresses if item[0] != "a" and not item[2].startswith("#")]
    assert loaded == []
    assert not [item for item in page.addresses if item[0] == "a" and not item[2].startswith(("http://", "https://"))]
    assert not re.search(r"@import|url\((?!#)", html)
    return page
