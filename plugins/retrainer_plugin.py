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

_ICON = (  # the same in Airflow's light and dark theme
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='%23fff'"
    " stroke-width='2.5' stroke-linecap='round'%3E%3Ccircle cx='12' cy='12' r='11' fill='%2316a34a' stroke='none'/%3E"
    "%3Cpath d='M7 12.5l3.5 3.5 6.5-7.5'/%3E%3C/svg%3E"
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
    fastapi_apps = [{"name": "Retrainer", "app": ModelsPage(), "url_prefix": "/retrainer"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        # href is relative to the address that Airflow is served at
        {"name": "Models", "href": "retrainer/models", "url_route": "models", "nav_top_level": True, "icon": _ICON}
    ]
