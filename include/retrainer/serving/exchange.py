"""Reading a body and sending an answer, without the parts of FastAPI that cost more than a prediction."""

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from retrainer.config.near_miss import shown
from retrainer.serving.problems import PROBLEM_JSON, RequestError, problem_body

JSON = "application/json"
_LONG_BYTES = 16_384

Parsed = TypeVar("Parsed")


async def read_body(receive: Receive) -> bytes:
    """The whole body of a request.

    Raises:
        ClientDisconnect: the client has gone.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        body: bytes = message.get("body", b"")
        return body
    parts = []
    while message["type"] == "http.request":
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()
    raise ClientDisconnect


def media_type(scope: Scope, allowed: Sequence[str] = (JSON,)) -> str:
    """What the request says that its body is: one of `allowed`, in UTF-8.

    Raises:
        RequestError: it says something else, or nothing (415).
    """
    kind = ""
    for name, value in scope["headers"]:
        if name == b"content-type":
            kind = value.decode("latin-1")
        elif name == b"content-encoding" and value.lower() != b"identity":
            raise RequestError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must not be compressed: leave content-encoding out"
            )
    if kind in allowed:
        return kind
    plain, *parameters = (part.strip().lower() for part in kind.split(";"))
    if plain in allowed and all(part.replace('"', "") in ("charset=utf-8", "") for part in parameters):
        return plain
    wanted = " or ".join(allowed)
    raise RequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"content-type must be {wanted} in UTF-8, got {shown(kind)}")


async def parsed(parse: Callable[[bytes], Parsed], body: bytes) -> Parsed:
    """`parse(body)`, in a thread where the body is long: it takes a millisecond for a hundred records."""
    if len(body) <= _LONG_BYTES:
        return parse(body)
    return await asyncio.get_running_loop().run_in_executor(None, parse, body)


async def send_json(send: Send, body: bytes, *, request_id: str) -> None:
    """Answer with `body` (200)."""
    kind, own_id = (b"content-type", b"application/json"), (b"x-request-id", request_id.encode())
    await _send(send, 200, body, [kind, own_id])


async def send_problem(send: Send, error: RequestError, *, for_mlflow: bool = False) -> None:
    """Answer that the request is refused, and why."""
    headers = {"content-type": PROBLEM_JSON, **error.headers}
    listed = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await _send(send, int(error.status), problem_body(error, for_mlflow=for_mlflow), listed)


async def _send(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
