"""Airflow's own API server application, in this process, with the plugins of this project and a database of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.dags.conftest import PROJECT


@contextmanager
def api_server() -> Iterator[FastAPI]:
    """The application as `airflow api-server` serves it. Its users come from `login`, not from a file."""
    from airflow import plugins_manager, settings
    from airflow.api_fastapi.app import create_app, purge_cached_app
    from airflow.models import import_all_models
    from airflow.models.base import Base

    before = settings.PLUGINS_FOLDER
    import_all_models()
    settings.configure_orm()
    Base.metadata.create_all(settings.engine)
    settings.PLUGINS_FOLDER = str(PROJECT / "plugins")
    _forget(plugins_manager)
    try:
        yield create_app("core")
    finally:
        settings.PLUGINS_FOLDER = before
        _forget(plugins_manager)
        purge_cached_app()


def login(app: FastAPI, role: str | None) -> TestClient:
    """A browser whose cookie says that a user of this role has logged in."""
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    user = SimpleAuthManagerUser(username="ann", role=role)
    return TestClient(app, cookies={"_token": app.state.auth_manager.generate_jwt(user)})


def _forget(plugins_manager: object) -> None:
    for function in vars(plugins_manager).values():
        if hasattr(function, "cache_clear"):
            function.cache_clear()
