"""The application of the model server."""

import importlib.metadata
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.types import Lifespan

from retrainer.config.api_keys import keys_file
from retrainer.config.runtime import RuntimeSettings
from retrainer.serving.admission import Admission
from retrainer.serving.answer import Tools
from retrainer.serving.docs_page import docs_page
from retrainer.serving.failures import Failures
from retrainer.serving.keys import OPEN_PATHS, KeyGuard, Keys, is_loopback
from retrainer.serving.mlflow_routes import Invocations, mlflow_routes
from retrainer.serving.openapi import describe
from retrainer.serving.problems import PROBLEM_JSON, RequestError, problem_body
from retrainer.serving.routes import routes
from retrainer.serving.routes_predict import PREDICT_PATH, AheadOfRouting, PredictRoute
from retrainer.serving.slot import Slots


def create_app(
    slots: Slots,
    tools: Tools,
    settings: RuntimeSettings,
    *,
    refresh: Callable[[str], None],
    lifespan: Lifespan[FastAPI] | None = None,
) -> FastAPI:
    """The application that answers for `slots`. `refresh` has the ledger read now for a model.

    Predictions do not go through FastAPI's own machinery, which costs more than they do; the other routes do.
    """
    app = FastAPI(
        title="Retrainer model server",
        version=importlib.metadata.version("retrainer"),
        description="Predictions of the models in production.",
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    predict, invocations = PredictRoute(slots, tools), Invocations(slots, tools)
    for path, route in ((PREDICT_PATH, predict), ("/invocations", invocations)):
        app.router.routes.append(Route(path, route, methods=["POST"], include_in_schema=False))
    app.include_router(routes(slots, tools, refresh))
    app.include_router(mlflow_routes(slots))
    _add_problems(app, tools)
    keys = Keys(keys_file(settings.home), always=not is_loopback(settings.serving_host))
    refused = tools.metrics.refused
    app.add_middleware(AheadOfRouting, predict=predict)
    app.add_middleware(KeyGuard, keys=keys, on_refused=refused)
    app.add_middleware(
        Admission,
        max_waiting=settings.serving_max_waiting,
        max_body_bytes=settings.serving_max_body_kb * 1024,
        on_refused=refused,
    )
    app.add_middleware(Failures)

    def openapi() -> dict[str, Any]:
        return describe(app, slots, keys_demanded=keys.demanded, open_paths=OPEN_PATHS)

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        return docs_page(openapi(), str(request.base_url).rstrip("/"))

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def _add_problems(app: FastAPI, tools: Tools) -> None:
    """Every refusal is a problem, those of the framework too."""

    def problem(error: RequestError) -> Response:
        tools.metrics.refused(error.status)
        return Response(problem_body(error), error.status, error.headers, media_type=PROBLEM_JSON)

    @app.exception_handler(RequestError)
    async def refused(_: Request, error: RequestError) -> Response:
        return problem(error)

    @app.exception_handler(HTTPException)
    async def not_there(request: Request, error: HTTPException) -> Response:
        status = HTTPStatus(error.status_code)
        detail = f"there is no {request.method} {request.url.path[:200]}" if status in (404, 405) else status.phrase
        return problem(RequestError(status, detail, headers=error.headers))
