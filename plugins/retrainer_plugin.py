"""Retrainer in the Airflow UI: "Models" in the navigation, and the application that serves its pages.

Airflow imports this file in every process, task processes included. So nothing is imported here that Airflow has not
loaded already, and the application is made when the first request for it arrives.
"""

import asyncio
import os
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='{colour}'"
    " stroke-width='2' stroke-linecap='round' stroke-linejoin='round'%3E%3Cpath d='M21 12a9 9 0 1 1-3-6.7L21 8'/%3E"
    "%3Cpath d='M21 3v5h-5'/%3E%3Cpath d='m8.5 12 2.5 2.5 4.5-5'/%3E%3C/svg%3E"
)


class ModelsPage:
    """An ASGI application that is made, once, for its first request."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._app: ASGIApp | None = None

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request."""
        app = self._app
        if app is None:
            app = await asyncio.to_thread(self._make)
        await app(scope, receive, send)

    def _make(self) -> "ASGIApp":
        from retrainer.airflow.models_page.app import create_app

        with self._lock:
            self._app = self._app or create_app(os.environ, Path(__file__).parent)
            return self._app


class RetrainerPlugin(AirflowPlugin):
    """What Airflow is told of."""

    name = "retrainer"
    fastapi_apps = [  # noqa: RUF012 so it is declared by Airflow
        {"name": "Retrainer", "app": ModelsPage(), "url_prefix": "/retrainer"}
    ]
    external_views = [  # noqa: RUF012
        {
            "name": "Models",
            "href": "retrainer/models",  # relative: to the address that Airflow is served at
            "url_route": "models",
            "destination": "nav",
            "nav_top_level": True,
            "icon": _ICON.format(colour="%2352525b"),
            "icon_dark_mode": _ICON.format(colour="%23a1a1aa"),
        }
    ]
