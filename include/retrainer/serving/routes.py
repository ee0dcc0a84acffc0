"""The routes beside the predictions: health, what is served, metrics, and the wish that the ledger be read now."""

import re
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel

from retrainer.contracts import ModelStatus
from retrainer.serving.answer import Tools
from retrainer.serving.metrics import CONTENT_TYPE
from retrainer.serving.openapi import problems_of
from retrainer.serving.problems import RequestError
from retrainer.serving.routes_predict import find_slot
from retrainer.serving.slot import Slots

ModelName = Annotated[str, Path(description="Name of a model, as in its declaration.")]


class Health(BaseModel):
    """Whether the server takes requests."""

    status: str


class Served(BaseModel):
    """Every model that the server knows."""

    models: list[ModelStatus]


class Refreshing(BaseModel):
    """The ledger is about to be read for this model."""

    model: str


class PrometheusResponse(Response):
    """Metrics in Prometheus' text format."""

    media_type = CONTENT_TYPE


def routes(slots: Slots, tools: Tools, refresh: Callable[[str], None]) -> APIRouter:
    """All of them. `refresh` has the ledger read now for a model. They are coroutines, since nothing here waits."""
    router = APIRouter()
    _add_health(router, slots, tools)
    _add_models(router, slots, refresh)
    return router


def _add_health(router: APIRouter, slots: Slots, tools: Tools) -> None:
    @router.get("/health/live", tags=["health"], summary="Does the process answer?")
    async def live() -> Health:
        return Health(status="live")

    @router.get(
        "/health/ready",
        tags=["health"],
        summary="Does a model answer its canonical inputs?",
        responses=problems_of([HTTPStatus.SERVICE_UNAVAILABLE]),
    )
    async def ready() -> Health:
        if not slots.ready:
            raise RequestError(HTTPStatus.SERVICE_UNAVAILABLE, "no model answers yet", headers={"retry-after": "1"})
        return Health(status="ready")

    @router.get("/metrics", tags=["health"], response_class=PrometheusResponse, summary="Metrics for Prometheus.")
    async def metrics() -> PrometheusResponse:
        return PrometheusResponse(tools.metrics.render())


def _add_models(router: APIRouter, slots: Slots, refresh: Callable[[str], None]) -> None:
    @router.get("/v1/models", tags=["models"], summary="Every model that is served.")
    async def models() -> Served:
        return Served(models=[slot.status() for slot in slots])

    @router.get(
        "/v1/models/{model}",
        tags=["models"],
        summary="What answers for a model, since when, and why.",
        responses=problems_of([HTTPStatus.NOT_FOUND]),
    )
    async def model(model: ModelName) -> ModelStatus:
        return find_slot(slots, model).status()

    @router.post(
        "/v1/models/{model}/refresh",
        tags=["models"],
        summary="Have the ledger read now, instead of within a second.",
        description="The model need not be known here yet.",
        status_code=HTTPStatus.ACCEPTED,
        responses=problems_of([HTTPStatus.NOT_FOUND]),
    )
    async def refresh_model(model: ModelName) -> Refreshing:
        if not re.fullmatch("[a-z][a-z0-9_]{0,62}", model):
            raise RequestError(HTTPStatus.NOT_FOUND, f"no model can be called {model[:100]!r}")
        refresh(model)
        return Refreshing(model=model)
