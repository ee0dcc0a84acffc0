"""Who gets in: a bounded number of requests at once, with bodies of bounded size. Everybody else is told so at once."""

from collections.abc import Callable
from typing import Final

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_OPEN: Final = ("/health/", "/ping", "/metrics")
"""Answered however busy the server is: otherwise it would be taken for dead just then."""

_TITLES: Final = {413: "Content Too Large", 429: "Too Many Requests"}


class Admission:
    """ASGI middleware. At most `max_waiting` requests are under way; a further one gets 429 and when to come back.

    A body of more than `max_body_bytes` gets 413, by its declared length before a byte of it is read, else as soon as
    it is too long; the connection is closed then. `on_refused` is told the status.
    """

    def __init__(
        self, app: ASGIApp, *, max_waiting: int, max_body_bytes: int, on_refused: Callable[[int], None]
    ) -> None:
        self._app = app
        self._max_waiting = max_waiting
        self._max_body = max_body_bytes
        self._on_refused = on_refused
        self._under_way = 0

    @property
    def under_way(self) -> int:
        """Requests that were let in and are not answered yet."""
        return self._under_way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] != "http" or scope["path"].startswith(_OPEN):
            await self._app(scope, receive, send)
            return
        if self._under_way >= self._max_waiting:
            await self._refuse(send, 429, f"{self._under_way} requests are under way; try again in a second")
            return
        declared = _declared_length(scope)
        if declared is not None and declared > self._max_body:
            await self._refuse(send, 413, self._too_large(f"{declared:,}"))
            return
        self._under_way += 1
        try:
            if declared is None:
                await self._measured(scope, receive, send)
            else:
                await self._app(scope, receive, send)
        finally:
            self._under_way -= 1

    async def _measured(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A body in chunks: its length is known when it is there."""
        length = 0
        started = False

        async def counted() -> Message:
            nonlocal length
            message = await receive()
            length += len(message.get("body", b""))
            if length > self._max_body:
                raise _TooLargeError
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, counted, noted)
        except _TooLargeError:
            if not started:
                await self._refuse(send, 413, self._too_large("more"))

    def _too_large(self, found: str) -> str:
        return f"the body may have {self._max_body:,} bytes, got {found}"

    async def _refuse(self, send: Send, status: int, detail: str) -> None:
        self._on_refused(status)
        content = {"type": "about:blank", "title": _TITLES[status], "status": status, "detail": detail}
        body = msgspec.json.encode(content)
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"retry-after", b"1") if status == 429 else (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class _TooLargeError(Exception):
    """Ends the reading of a body that is too long."""


def _declared_length(scope: Scope) -> int | None:
    """The content-length; 0 where the request has no body, None where it comes in chunks."""
    chunked = False
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
        chunked = chunked or name == b"transfer-encoding"
    return None if chunked else 0
