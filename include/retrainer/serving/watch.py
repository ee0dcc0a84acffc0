"""The server's side of the supply: keeps that process running, hears what it says, asks it to look at the ledger."""

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Mapping

from pydantic import ValidationError

from retrainer.serving.supply.messages import Refresh, Supplied

log = logging.getLogger(__name__)

_COMMAND = (sys.executable, "-m", "retrainer.serving.supply")
_MOST_BYTES = 2**20
_FIRST_PAUSE_SECONDS = 1.0
_LONGEST_PAUSE_SECONDS = 30.0
_STABLE_SECONDS = 60.0
_GRACE_SECONDS = 2.0


class SupplyWatch:
    """Runs the supply with `environment`, starts it again when it dies, and has `carry_out` do what it says."""

    def __init__(self, carry_out: Callable[[Supplied], Awaitable[None]], environment: Mapping[str, str]) -> None:
        self._carry_out = carry_out
        self._environment = dict(environment)
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._newest: dict[str, Supplied] = {}

    @property
    def pid(self) -> int | None:
        """Process id of the supply; None while it does not run."""
        return self._process.pid if self._process is not None else None

    def refresh(self, model: str) -> None:
        """Have the ledger looked at now. While the supply is down there is nobody to ask: it looks when it starts."""
        if self._process is not None and self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(Refresh(model=model).to_json().encode() + b"\n")

    async def run(self) -> None:
        """Keep the supply running until this is cancelled; then it is ended."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            started = time.monotonic()
            how = await self._run_once()
            pause = _FIRST_PAUSE_SECONDS if time.monotonic() - started > _STABLE_SECONDS else pause
            log.warning("the supply ended (%s); it is started again in %g s, the server goes on", how, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _run_once(self) -> str:
        """Hear the supply out; how it ended, in words."""
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *_COMMAND, stdin=pipe, stdout=pipe, env=self._environment, limit=_MOST_BYTES
            )
        except OSError as error:
            return str(error)
        self._process = process
        try:
            assert process.stdout is not None
            while line := await process.stdout.readline():
                self._hear(line)
            return f"status {await process.wait()}"
        except ValueError:
            return "it said more in one line than it may"
        finally:
            self._process = None
            await _end(process)

    def _hear(self, line: bytes) -> None:
        try:
            supplied = Supplied.from_json(line)
        except ValidationError:
            log.error("the supply said something that is not understood: %.200r", line)
            return
        task = asyncio.create_task(self._do(supplied))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _do(self, supplied: Supplied) -> None:
        """Carry it out; where that is not possible now, try again until something else is said of the model."""
        wish = supplied.assignment
        self._newest[wish.model] = supplied
        pause = _FIRST_PAUSE_SECONDS
        while self._newest[wish.model] is supplied:
            try:
                await self._carry_out(supplied)
            except OSError as error:
                log.warning("entry %d of %s is tried again in %g s: %s", wish.sequence, wish.model, pause, error)
            except Exception:
                log.exception("entry %d of %s could not be carried out", wish.sequence, wish.model)
                return
            else:
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


async def _end(process: asyncio.subprocess.Process) -> None:
    """The supply ends by itself as soon as nobody talks to it any more."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(_GRACE_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
