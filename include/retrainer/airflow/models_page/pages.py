"""HTML: every value escaped, nothing loaded from anywhere, and headers that say so to the browser."""

import base64
import hashlib
from http import HTTPStatus

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from retrainer.airflow.models_page.addresses import Addresses
from retrainer.airflow.models_page.numbers import iso, number, readable, signed


class Pages:
    """The templates, and the one style and one script that are part of every page."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=PackageLoader("retrainer.airflow.models_page"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        style, script = self._text("style.css"), self._text("script.js")
        self._templates.globals |= {"style": Markup(style), "script": Markup(script)}  # noqa: S704 files of this package
        self._templates.filters |= {"number": number, "signed": signed, "readable": readable, "iso": iso}
        self._headers = {
            # A frame is Airflow's own page around this one. The hashes let in the style and the script, and no other.
            "Content-Security-Policy": (
                f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}';"
                " base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
            ),
            "X-Frame-Options": "SAMEORIGIN",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }

    def page(self, template: str, to: Addresses, **values: object) -> HTMLResponse:
        """A page from its template."""
        return self._render(template, to, HTTPStatus.OK, values)

    def problem(self, status: HTTPStatus, message: str, to: Addresses) -> HTMLResponse:
        """A page that says what is wrong."""
        return self._render("problem.html", to, status, {"status": status, "message": message})

    def _render(self, template: str, to: Addresses, status: HTTPStatus, values: dict[str, object]) -> HTMLResponse:
        text = self._templates.get_template(template).render(values, to=to)
        return HTMLResponse(text, status_code=status.value, headers=self._headers)

    def _text(self, name: str) -> str:
        assert self._templates.loader is not None
        return self._templates.loader.get_source(self._templates, name)[0]


def _hash(text: str) -> str:
    """What a content security policy calls `text`."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
