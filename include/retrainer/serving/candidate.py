"""The private door for versions that do not serve yet: they are asked through HTTP, by the very code that will serve.

A candidate has a path of its own on the server's own port, /candidates/<token>. The token is random, known to this
process only, and gone with the candidate. Nothing that is asked there is counted, looked up or kept in the log.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http import HTTPStatus

import numpy as np
from numpy.typing import NDArray
from starlette.types import ASGIApp, Receive, Scope, Send

from retrainer.columns import Columns
from retrainer.config.serving import Breaker as BreakerSettings
from retrainer.contracts import Assignment
from retrainer.serving.breaker import Breaker
from retrainer.serving.known_answers import serving_section
from retrainer.serving.metrics import Metrics, VersionStats
from retrainer.serving.predictor import Predictor
from retrainer.serving.problems import RequestError
from retrainer.serving.records import RecordParser
from retrainer.serving.routes_predict import PredictRoute
from retrainer.serving.slot import Line, Slot, Slots
from retrainer.serving.tools import Tools

_PATH = "/candidates/"
_PATIENT = BreakerSettings(timeout_ms=60_000, min_requests=1_000_000)
"""Whether a candidate answers in time is for its check to say."""


class Candidates:
    """The versions that are being checked."""

    def __init__(self, tools: Tools) -> None:
        self._slots = Slots()
        self._route = PredictRoute(self._slots, replace(tools, metrics=Metrics(), online=_NothingKnown()))

    @contextmanager
    def admitted(self, predictor: Predictor) -> Iterator[str]:
        """For the time being `predictor` is asked at this path."""
        token = secrets.token_urlsafe(32)
        slot = Slot(predictor.spec.model)
        slot.stats = {predictor.spec.version: VersionStats()}
        slot.line = _line(predictor)
        self._slots.put(token, slot)
        try:
            yield _PATH + token
        finally:
            self._slots.drop(token)

    def door(self, app: ASGIApp) -> ASGIApp:
        """`app`, with what is asked of a candidate taken out. To be put round all else, keys and limits included."""

        async def with_door(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and scope["path"].startswith(_PATH) and scope["method"] == "POST":
                token = scope["path"].removeprefix(_PATH)
                if self._slots.get(token) is not None:
                    await self._route({**scope, "path_params": {"model": token}}, receive, send)
                    return
            await app(scope, receive, send)

        return with_door


def _line(predictor: Predictor) -> Line:
    """A line in which `predictor` answers, and nothing stands in for it."""
    spec = predictor.spec
    serving = serving_section(spec).model_copy(update={"breaker": _PATIENT, "log_predictions": False})
    return Line(
        assignment=Assignment(model=spec.model, sequence=0, champion=spec.version),
        champion=predictor,
        split=None,
        shadow=None,
        parser=RecordParser(spec),
        fallback=_NoRule(),
        breaker=Breaker(_PATIENT),
        serving=serving,
    )


class _NoRule:
    """In the place of the rule, so that a candidate that fails is seen to fail."""

    def predict(self, columns: Columns) -> NDArray[np.float64]:  # noqa: ARG002 a rule is asked so
        raise RequestError(HTTPStatus.INTERNAL_SERVER_ERROR, "the version failed; the server's log says where")


class _NothingKnown:
    """In the place of the online tables: what a known answer leaves out is missing."""

    def fill(
        self,
        model: str,  # noqa: ARG002 it is called so
        columns: Columns,
        missing: Mapping[str, NDArray[np.bool_]],  # noqa: ARG002
        **_: object,
    ) -> Columns:
        return columns
