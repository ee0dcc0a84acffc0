"""Processes and their descendants: adopting orphans, telling two processes with one id apart, ending all of them."""

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass

import psutil

_PR_SET_CHILD_SUBREAPER = 36
_CLOCK_TOLERANCE_SECONDS = 2.0  # start times are computed from the boot time, which moves when the clock is set
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process id and its start (seconds since 1970), because ids are used again."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity":
        """The identity of the process that has `pid` now; started is 0 where it has just ended."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return cls(pid, 0.0)

    def find(self) -> psutil.Process | None:
        """The process, where it is still running (a zombie is not)."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < _CLOCK_TOLERANCE_SECONDS
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def adopt_orphans() -> bool:
    """Make this process the parent of its descendants' orphans, those in other sessions too. False where not Linux."""
    if sys.platform != "linux":
        return False
    status: int = ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    return status == 0


def reap_orphans(own: Collection[int]) -> None:
    """Collect ended children that are not in `own`, so that adopted ones do not stay as zombies."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) and ended.si_pid not in own:
            os.waitpid(ended.si_pid, 0)


def kill_orphans(own: Collection[int]) -> None:
    """Kill the children of this process that are not in `own`, with all below them."""
    for child in psutil.Process().children():
        if child.pid not in own:
            kill_family(child)


def kill_family(process: psutil.Process) -> None:
    """Kill a process and all its descendants. Does not wait."""
    with contextlib.suppress(psutil.NoSuchProcess):
        family = [*process.children(recursive=True), process]
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()


def kill_descendants() -> None:
    """Kill every descendant of this process, and return when there is none left. Ends the use of `subprocess` here."""
    while True:
        left = psutil.Process().children(recursive=True)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not left:
            return
        time.sleep(_POLL_SECONDS)
