"""HTTP connections with a deadline: whoever does not send a whole request in time is cut off.

uvicorn waits for ever for the rest of a request's head or body, so that a few hundred slow clients would hold as many
connections and tasks.
"""

import asyncio
from typing import ClassVar

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_PROBLEM = msgspec.json.encode(
    {
        "type": "about:blank",
        "title": "Request Timeout",
        "status": 408,
        "detail": "the request did not arrive in time; the connection is closed",
    }
)
_TIMEOUT = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/problem+json\r\nconnection: close\r\n"
    b"content-length: " + str(len(_PROBLEM)).encode() + b"\r\n\r\n" + _PROBLEM
)


class TimedProtocol(HttpToolsProtocol):
    """One connection. `seconds` is the time from its first byte to the last one of a request."""

    seconds: ClassVar[float] = 10.0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there: its first request is due."""
        super().connection_made(transport)
        self._expect()

    def on_message_begin(self) -> None:
        """A request begins; the first one of a connection is expected already."""
        super().on_message_begin()
        if self._deadline is None:
            self._expect()

    def on_message_complete(self) -> None:
        """A request is there."""
        self._arrived()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._arrived()
        super().connection_lost(exc)

    def _expect(self) -> None:
        self._deadline = self.loop.call_later(self.seconds, self._cut_off)

    def _arrived(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut_off(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(_TIMEOUT)
        self.transport.close()


def timed_protocol(seconds: float) -> type[TimedProtocol]:
    """The protocol with another deadline, for uvicorn, which makes the objects itself."""
    return type("TimedProtocol", (TimedProtocol,), {"seconds": seconds})
