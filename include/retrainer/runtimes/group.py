"""One running step with everything it started: how it is watched, limited and ended, so that nothing of it stays."""

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Mapping

from retrainer.runtimes import processes
from retrainer.runtimes.limits import Limits

POLL_SECONDS = 0.2
"""How often limits are checked."""

_SWEEP_SECONDS = 0.01
_MEGABYTE = 2**20


def make_scratch(environment: Mapping[str, str]) -> str:
    """A folder of its own for the temporary files of a step with this environment, where they would be otherwise.

    Raises:
        OSError: it cannot be made.
    """
    around = environment.get("TMPDIR", "")
    return tempfile.mkdtemp(prefix="retrainer-step-", dir=around if os.path.isdir(around) else None)  # noqa: PTH112


def remove_scratch(scratch: str) -> None:
    """Delete what a step that has ended left in its folder, and the folder."""
    shutil.rmtree(scratch, ignore_errors=True)


class StepGroup:
    """The session of processes whose leader is the forked step `pid`, and the folder of their temporary files.

    Single-threaded: `poll` drives everything.
    """

    def __init__(self, pid: int, limits: Limits, scratch: str) -> None:
        self.pid = pid
        self.reason = ""
        self._limits = limits
        self._scratch = scratch
        self._started = time.monotonic()
        self._kill_at: float | None = None
        self._status: int | None = None

    @property
    def poll_seconds(self) -> float:
        """When to poll next."""
        return _SWEEP_SECONDS if self.has_exited else POLL_SECONDS

    @property
    def has_exited(self) -> bool:
        """Has the step's own process ended? Others of its group may still be there."""
        return self._status is not None

    def poll(self) -> None:
        """See whether the step has ended; enforce its limits while it has not."""
        if self._status is None:
            self._status = _exit_status(self.pid)
        if self._status is None:
            self._enforce(time.monotonic())

    def sweep(self) -> bool:
        """SIGKILL what the step that has exited left behind. Is nothing left?"""
        left = [pid for pid in processes.session_members(self.pid) if pid != self.pid]
        for pid in left:
            kill_and_reap(pid)
        return not left

    def reap(self) -> int:
        """Free the number of the step that has exited, and its folder: a step that was killed could not clear up.

        Its exit status, or minus the signal that ended it.
        """
        remove_scratch(self._scratch)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        assert self._status is not None
        return self._status

    def stop(self, reason: str, number: signal.Signals = signal.SIGTERM) -> None:
        """End the whole group with this signal, and with SIGKILL after the grace. The first reason is kept."""
        self.reason = self.reason or reason
        if self._status is None:
            if self._kill_at is None:
                self._kill_at = time.monotonic() + self._limits.grace_seconds
            self._signal(number)

    def _enforce(self, now: float) -> None:
        limits = self._limits
        if self._kill_at is not None and now >= self._kill_at:
            self._signal(signal.SIGKILL)
        if limits.time_seconds is not None and self._kill_at is None and now - self._started > limits.time_seconds:
            self.stop(f"time limit {limits.time_seconds:g} s exceeded")
        if limits.memory_mb is not None:
            limit = limits.memory_mb * _MEGABYTE
            used = processes.memory_bytes(processes.session_members(self.pid), limit=limit)
            if used > limit:
                # Not SIGTERM: a step that allocates would take the machine down in the grace.
                self.stop(f"memory limit {limits.memory_mb} MB exceeded ({used // _MEGABYTE} MB)", signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        # The leader is not reaped before its group is empty, so neither number can belong to anybody else.
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:  # forked, and not yet the leader of its session
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def kill_and_reap(pid: int) -> None:
    """SIGKILL `pid`; reap it if it has ended and has become our child."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def end_strays(leaders: set[int]) -> bool:
    """SIGKILL the adopted children that left the sessions of the steps `leaders`. Were there any?

    A step may start processes, not leave daemons behind.
    """
    found = False
    for pid in processes.children():
        with contextlib.suppress(ProcessLookupError):
            if pid not in leaders and os.getsid(pid) not in leaders:
                found = True
                kill_and_reap(pid)
    return found


def _exit_status(pid: int) -> int | None:
    """Exit status of our child `pid`, None while it runs. On Linux it stays a zombie and so keeps its number."""
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        ended, status = os.waitpid(pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if ended else None
    result = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if result is None:
        return None
    return result.si_status if result.si_code == os.CLD_EXITED else -result.si_status
