"""Documents as text: HTML escapes every value by itself, and so does Markdown."""

from collections.abc import Mapping
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from retrainer.documents import markdown, words


def render_html(template: str, values: Mapping[str, object]) -> str:
    """The page that the HTML template makes of `values`."""
    return _html().get_template(template).render(values)


def render_markdown(template: str, values: Mapping[str, object]) -> str:
    """The document that the Markdown template makes of `values`."""
    return _markdown().get_template(template).render(values)


def document_page(title: str, text: str) -> str:
    """A Markdown document as a page that needs nothing else."""
    return render_html("document.html", {"title": title, "body": Markup(markdown.markdown_to_html(text))})  # noqa: S704


@cache
def _html() -> Environment:
    environment = Environment(
        loader=PackageLoader("retrainer.documents"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=True,
    )
    environment.filters |= {"number": words.number, "moment": words.moment, "between": words.between}
    return environment


@cache
def _markdown() -> Environment:
    """HTML's escapes are none in Markdown: here `finalize` escapes each value instead."""
    environment = _html().overlay(autoescape=False, finalize=markdown.escaped)
    environment.filters = {
        **environment.filters,
        "code": markdown.code,
        "rows": lambda rows, *header: markdown.table(header, rows),
    }
    environment.globals = {**environment.globals, "link": markdown.link}
    return environment
