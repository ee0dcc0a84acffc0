"""What must not happen: it is logged without anything that a client sent, and answered without telling anything."""

import logging
import traceback
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from retrainer.serving.exchange import send_problem
from retrainer.serving.problems import RequestError

log = logging.getLogger(__name__)

_FRAMES = 3
_NOTHING_TOLD = "the server could not answer; its log says where"


class Failures:
    """ASGI middleware, the outermost one: an exception becomes a problem (500) and one line of the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception as error:
            log.error("%s %s: %s", scope.get("method"), scope.get("path"), where_it_failed(error))
            if started or scope["type"] != "http":
                raise
            await send_problem(send, RequestError(HTTPStatus.INTERNAL_SERVER_ERROR, _NOTHING_TOLD))


def where_it_failed(error: BaseException) -> str:
    """The class of an error and the places it came through. Its text is left out: it may quote what a client sent."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    places = [f"{frame.name}, {frame.filename}:{frame.lineno}" for frame in reversed(frames)]
    return f"{type(error).__name__} in {', called by '.join(places)}" if places else type(error).__name__
