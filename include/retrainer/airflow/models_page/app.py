"""The application: two pages, behind Airflow's login.

The functions are no coroutines on purpose: FastAPI runs them in threads, where waiting for a database holds up nobody.
"""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

from retrainer.airflow.models_page.access import Visible, may_read_dags, visible_models
from retrainer.airflow.models_page.addresses import Addresses
from retrainer.airflow.models_page.dags import models_with_dags
from retrainer.airflow.models_page.history import History
from retrainer.airflow.models_page.pages import Pages
from retrainer.airflow.models_page.records import Records
from retrainer.errors import LedgerUnavailableError, RetrainerError

log = logging.getLogger(__name__)

_MESSAGES = {
    HTTPStatus.UNAUTHORIZED: "Log in to Airflow to see the models.",
    HTTPStatus.FORBIDDEN: "Your Airflow user may not read DAGs, so it may not see the models either.",
    HTTPStatus.NOT_FOUND: "There is no such page.",
}

VisibleDep = Annotated[Visible, Depends(visible_models)]
WithDagsDep = Annotated[frozenset[str], Depends(models_with_dags)]


class Place(BaseModel):
    """What of a model's history is asked for."""

    page: int | None = Field(default=None, ge=1)
    entry: int | None = Field(default=None, ge=1)


def create_app(environ: Mapping[str, str], folder: Path) -> FastAPI:
    """The application for the project around `folder`, to be mounted at /retrainer in Airflow's API server."""
    app = FastAPI(openapi_url=None, dependencies=[Depends(may_read_dags)])
    records, pages = Records(environ, folder), Pages()
    _add_pages(app, records, pages)
    _add_problems(app, pages)
    return app


def _add_pages(app: FastAPI, records: Records, pages: Pages) -> None:
    @app.get("/models")
    def models(request: Request, visible: VisibleDep, with_dags: WithDagsDep) -> HTMLResponse:
        names = records.models(with_dags)
        seen = visible(names)
        histories = [records.history(name, has_dags=name in with_dags) for name in names if name in seen]
        return pages.page("models.html", _addresses(request), histories=histories)

    @app.get("/models/{model}")
    def model(
        request: Request, model: str, visible: VisibleDep, with_dags: WithDagsDep, place: Annotated[Place, Query()]
    ) -> HTMLResponse:
        if model not in records.models(with_dags) or model not in visible([model]):
            raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no model {model!r}, or you may not see it.")
        history = records.history(model, has_dags=model in with_dags)
        shown, opened = _page(history, place), place.entry or history.newest_decision
        return pages.page("model.html", _addresses(request), history=history, page=shown, opened=opened)


def _page(history: History, place: Place) -> int:
    """The page that is asked for: by an entry on it, by its number, or else the first."""
    number = history.page_of(place.entry) if place.entry is not None else place.page or 1
    if number is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"{history.model} has no entry {place.entry} in the ledger.")
    if number > history.pages:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"There is no page {number}; the last one is {history.pages}.")
    return number


def _add_problems(app: FastAPI, pages: Pages) -> None:
    @app.exception_handler(StarletteHTTPException)
    def refused(request: Request, error: StarletteHTTPException) -> HTMLResponse:
        status = HTTPStatus(error.status_code)
        own = error.detail if isinstance(error, HTTPException) and status == HTTPStatus.NOT_FOUND else ""
        return pages.problem(status, own or _MESSAGES.get(status, status.phrase), _addresses(request))

    @app.exception_handler(RequestValidationError)
    def misspelt(request: Request, _: RequestValidationError) -> HTMLResponse:
        status = HTTPStatus.NOT_FOUND
        return pages.problem(status, _MESSAGES[status], _addresses(request))

    @app.exception_handler(RetrainerError)
    def failed(request: Request, error: RetrainerError) -> HTMLResponse:
        log.warning("models page: %s", error)  # the message may name hosts: it is for the log only
        if isinstance(error, LedgerUnavailableError):
            status = HTTPStatus.SERVICE_UNAVAILABLE
            message = "The ledger's database does not answer. What is in production serves on; try again in a while."
        else:
            status, message = HTTPStatus.INTERNAL_SERVER_ERROR, "The settings are wrong, or the ledger cannot be read."
        return pages.problem(status, f"{message} The log of the API server says more.", _addresses(request))


def _addresses(request: Request) -> Addresses:
    return Addresses(request.base_url.path)
