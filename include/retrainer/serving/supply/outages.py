"""What is down is said once when that begins and once when it ends, however often it is asked meanwhile."""

import logging

log = logging.getLogger(__name__)


class Outages:
    """What is down now. It can be used from any thread."""

    def __init__(self) -> None:
        self._down: set[str] = set()

    def begin(self, what: str, error: Exception) -> None:
        """It failed."""
        if what not in self._down:
            self._down.add(what)
            log.warning("%s is down; the server goes on with what it has: %s", what, str(error).partition("\n")[0])

    def end(self, what: str) -> None:
        """It answered."""
        if what in self._down:
            self._down.discard(what)
            log.info("%s is back", what)
