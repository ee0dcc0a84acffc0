"""The circuit breaker: after too many failures the rule answers for a while, then one request tries the model again."""

import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from retrainer.config.serving import Breaker as BreakerSettings

BreakerState = Literal["closed", "open", "half_open"]


class Breaker:
    """Counts the outcomes of the last `window_seconds`. Used from one thread, the server's event loop.

    Closed: everybody may ask the model. Open: nobody. Half open, once `open_seconds` are over: one request may, and
    what becomes of it closes or opens the breaker; should nothing become of it, another may after `open_seconds`.
    """

    def __init__(self, settings: BreakerSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._outcomes: deque[tuple[float, bool]] = deque()
        self._failures = 0
        self._tried_at: float | None = None
        """When it opened, or was last probed; None while closed."""
        self._probing = False

    @property
    def state(self) -> BreakerState:
        """Half open as soon as the next request would be a probe, and until that is answered."""
        if self._tried_at is None:
            return "closed"
        return "half_open" if self._probing or self._probe_is_due() else "open"

    def allows(self) -> bool:
        """May this request ask the model? Whoever is told so says `succeeded` or `failed` afterwards."""
        if self._tried_at is None:
            return True
        if not self._probe_is_due():
            return False
        self._tried_at = self._clock()
        self._probing = True
        return True

    def succeeded(self, seconds: float) -> None:
        """The model answered, in that time; slower than `timeout_ms` is a failure."""
        if seconds * 1000 > self._settings.timeout_ms:
            self.failed()
        elif self._probing:
            self._close()
        elif self._tried_at is None:
            self._count(failed=False)

    def failed(self) -> None:
        """The model could not answer."""
        if self._probing:
            self._open()
        elif self._tried_at is None:
            self._count(failed=True)
            if self._is_broken():
                self._open()

    def _probe_is_due(self) -> bool:
        return self._tried_at is not None and self._clock() - self._tried_at >= self._settings.open_seconds

    def _count(self, *, failed: bool) -> None:
        now = self._clock()
        self._outcomes.append((now, failed))
        self._failures += failed
        while self._outcomes[0][0] < now - self._settings.window_seconds:
            self._failures -= self._outcomes.popleft()[1]

    def _is_broken(self) -> bool:
        total = len(self._outcomes)
        return total >= self._settings.min_requests and self._failures > self._settings.max_failure_share * total

    def _open(self) -> None:
        self._tried_at, self._probing = self._clock(), False
        self._forget()

    def _close(self) -> None:
        self._tried_at, self._probing = None, False
        self._forget()

    def _forget(self) -> None:
        self._outcomes.clear()
        self._failures = 0
