"""Who may ask: the keys that requests have to bring along, and what each is good for."""

import ipaddress
import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from retrainer.config.api_keys import Role, digest_key, read_keys
from retrainer.errors import ConfigurationError
from retrainer.serving.exchange import send_problem
from retrainer.serving.problems import RequestError

log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5

OPEN_PATHS = ("/health/live", "/health/ready", "/health", "/ping")
"""Asked by load balancers and supervisors, which have no keys. They tell nothing but that the server is there."""


def is_loopback(host: str) -> bool:
    """Does a server that listens on `host` hear this machine only?"""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def needed_role(path: str) -> Role | None:
    """What a request to `path` needs; None: nothing."""
    if path in OPEN_PATHS:
        return None
    return "admin" if path.endswith("/refresh") else "predict"


class Keys:
    """The keys in a file, read again when it changes. They are demanded `always`, or as soon as there is the file."""

    def __init__(self, file: Path, *, always: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._file, self._always, self._clock = file, always, clock
        self._roles: dict[str, Role] = {}
        self._seen: tuple[int, int, int] | None = None
        self._look_at = float("-inf")
        self._look()

    @property
    def demanded(self) -> bool:
        """Whether requests need a key now."""
        self._look()
        return self._always or self._seen is not None

    def role(self, key: str) -> Role | None:
        """What `key` is good for; None where it is no key."""
        self._look()
        return self._roles.get(digest_key(key))

    def _look(self) -> None:
        """Read the file where it changed; at most twice a second, since this is on the path of every request."""
        now = self._clock()
        if now < self._look_at:
            return
        self._look_at = now + _LOOK_SECONDS
        try:
            status = self._file.stat()
        except FileNotFoundError:
            self._seen, self._roles = None, {}
            return
        seen = (status.st_mtime_ns, status.st_size, status.st_ino)
        if seen != self._seen:
            self._seen, self._roles = seen, self._read()

    def _read(self) -> dict[str, Role]:
        try:
            return {key.sha256: key.role for key in read_keys(self._file)}
        except ConfigurationError as error:
            log.error("no key is good until this is mended: %s", error)
            return {}


class KeyGuard:
    """ASGI middleware: a request without the key that it needs is refused, 401 without a key and 403 with another."""

    def __init__(self, app: ASGIApp, *, keys: Keys, on_refused: Callable[[int], None]) -> None:
        self._app, self._keys, self._on_refused = app, keys, on_refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or refuse it."""
        if scope["type"] == "http" and self._keys.demanded and (needed := needed_role(scope["path"])):
            role = self._role(scope)
            if role is None:
                await self._refuse(send, _unknown())
                return
            if role not in (needed, "admin"):
                await self._refuse(send, RequestError(HTTPStatus.FORBIDDEN, f"this needs an {needed} key"))
                return
        await self._app(scope, receive, send)

    def _role(self, scope: Scope) -> Role | None:
        for name, value in scope["headers"]:
            if name == b"authorization":
                scheme, _, key = value.decode("latin-1").partition(" ")
                return self._keys.role(key.strip()) if scheme.lower() == "bearer" else None
        return None

    async def _refuse(self, send: Send, error: RequestError) -> None:
        self._on_refused(error.status)
        await send_problem(send, error)


def _unknown() -> RequestError:
    return RequestError(
        HTTPStatus.UNAUTHORIZED,
        "a key is needed: send the header `Authorization: Bearer <key>` with one made by `retrainer keys new predict`",
        headers={"www-authenticate": "Bearer"},
    )
