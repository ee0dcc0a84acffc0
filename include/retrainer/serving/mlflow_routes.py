"""What MLflow's clients expect of a server: /invocations, /ping and /version, as `mlflow models serve` has them."""

import importlib.metadata
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import numpy as np
from fastapi import APIRouter, Response
from numpy.typing import NDArray
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from retrainer.config.estimators import ESTIMATORS
from retrainer.contracts import ServingSpec
from retrainer.serving.answer import Tools, answer
from retrainer.serving.exchange import JSON, media_type, parsed, read_body, send_json, send_problem
from retrainer.serving.mlflow_records import CSV, parse_invocation
from retrainer.serving.openapi import problems_of
from retrainer.serving.problems import RequestError
from retrainer.serving.routes_predict import serving_line
from retrainer.serving.slot import Slots

_encode = msgspec.json.Encoder().encode

_WITH_PROBABILITIES = ("log_loss", "modified_huber")
"""Losses with which scikit-learn's SGDClassifier gives probabilities."""


class Invocations:
    """`POST /invocations?model=`, as an ASGI application. Where one model is served, it need not be named."""

    def __init__(self, slots: Slots, tools: Tools) -> None:
        self._slots, self._tools = slots, tools

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            kind = media_type(scope, (JSON, CSV))
            slot, line = serving_line(self._slots, self._model(scope))
            parse = partial(parse_invocation, line.parser, kind)
            made = await answer(slot, line, await parsed(parse, await read_body(receive)), self._tools)
        except RequestError as error:
            self._tools.metrics.refused(error.status)
            await send_problem(send, error, for_mlflow=True)
        except ClientDisconnect:
            return
        else:
            body = _encode({"predictions": mlflow_outputs(line.parser.spec, made.values())})
            await send_json(send, body, request_id=made.request_id)

    def _model(self, scope: Scope) -> str:
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        if "model" in query:
            return str(query["model"])
        served = [slot.model for slot in self._slots]
        if len(served) == 1:
            return served[0]
        if not served:
            raise RequestError(HTTPStatus.SERVICE_UNAVAILABLE, "no model is served yet", headers={"retry-after": "1"})
        raise RequestError(HTTPStatus.BAD_REQUEST, f"say which model with ?model=, one of {', '.join(served)}")


def mlflow_outputs(spec: ServingSpec, values: NDArray[np.float64]) -> list[Any]:
    """What the version's own `predict_proba`, or else its `predict`, would give for records that have `values`.

    A classifier gives the probabilities of both classes, or the class where it knows no probabilities.
    """
    estimator: Any = spec.declaration["estimator"]
    name = estimator["type"].rpartition(".")[2]
    if ESTIMATORS[estimator["type"]] == "regressor":
        outputs: NDArray[Any] = values
    elif name == "RidgeClassifier" or (name == "SGDClassifier" and _loss(estimator) not in _WITH_PROBABILITIES):
        outputs = (values > 0.5).astype(np.int64)
    else:
        outputs = np.column_stack([1 - values, values])
    listed: list[Any] = outputs.tolist()
    return listed


def _loss(estimator: Any) -> str:
    return str((estimator.get("parameters") or {}).get("loss", "hinge"))


def mlflow_routes(slots: Slots) -> APIRouter:
    """The routes beside /invocations, with the bodies that MLflow gives."""
    router = APIRouter(tags=["MLflow"])

    async def ping() -> Response:
        if not slots.ready:
            raise RequestError(HTTPStatus.SERVICE_UNAVAILABLE, "no model answers yet", headers={"retry-after": "1"})
        return Response("\n", media_type=JSON)

    async def version() -> Response:
        return Response(importlib.metadata.version("mlflow"), media_type=JSON)

    not_yet = problems_of([HTTPStatus.SERVICE_UNAVAILABLE])
    for path, summary in (("/ping", "Does a model answer?"), ("/health", "The same as /ping.")):
        router.add_api_route(path, ping, summary=summary, response_class=Response, responses=not_yet)
    summary = "The version of MLflow whose formats are understood."
    router.add_api_route("/version", version, summary=summary, response_class=Response)
    return router
