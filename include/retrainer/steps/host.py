"""The warm step host: imports the libraries once, then `retrainer.runtimes.supervisor` forks a process for each step.

The process that forks has one thread and has imported third-party libraries only, so a step starts in hundredths of a
second and still runs the project's code as it is on disk at that moment. Linux only.
"""

import gc
import importlib
import logging
import os
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from retrainer.errors import ConfigurationError, StackError
from retrainer.runtimes import processes
from retrainer.runtimes.environment import QUIET, THREADS
from retrainer.runtimes.protocol import PROTOCOL, Job
from retrainer.runtimes.supervisor import Start, Supervisor
from retrainer.steps.libraries import LIBRARIES, LOAD_ENVIRONMENT
from retrainer.steps.stamp import make_stamp

LISTEN_OPTION = "--listen-fd"
"""Command-line option by which a host that replaces itself hands its listening socket on."""

_SETTLED_SECONDS = 2.0

logger = logging.getLogger(__name__)


@dataclass
class StepHost:
    """A host on the Unix socket `socket_path`, for the project whose lock file is `lock`.

    `libraries` are imported; `start` runs a job in the forked child; `command` is the command line of this process,
    which is run again when what the host was started from has changed. A socket that listens already is `listen_fd`.
    """

    socket_path: Path
    lock: Path
    libraries: tuple[str, ...] = LIBRARIES
    start: Start = field(default_factory=lambda: run_job)
    command: list[str] = field(default_factory=lambda: [sys.executable, *sys.orig_argv[1:]])
    listen_fd: int | None = None

    def serve(self) -> None:
        """Import, listen, and serve until a signal ends this process.

        Raises:
            StackError: another host listens there, or a library started a thread.
            ConfigurationError: the socket's folder is not private.
        """
        if sys.platform != "linux":
            raise StackError("the step host needs Linux; without it every step is a plain process")
        self._listener = None if self.listen_fd is None else socket.socket(fileno=self.listen_fd)
        if self._listener is None:
            _check_folder(self.socket_path)
            _check_free(self.socket_path)
        started = time.monotonic()
        self._stamp = self._changed_to = make_stamp(self.lock)
        self._changed_at = 0.0
        import_libraries(self.libraries)
        if self._listener is None:
            self._listener = _listen(self.socket_path)
        self._inode = self.socket_path.stat().st_ino
        logger.info("listening on %s after %.1f s of imports", self.socket_path, time.monotonic() - started)
        Supervisor(self.start, listener=self._listener, refuse=self._refuse, on_idle=self._on_idle).serve()
        if self._owns_socket():
            self.socket_path.unlink()

    def _refuse(self, job: Job) -> str:
        if job.protocol != PROTOCOL or job.prefix != sys.prefix:
            return "stale: it is of another version or environment"
        if make_stamp(self.lock) != self._stamp:
            return "stale: what it was started from has changed"
        threads = processes.thread_names()
        return "" if len(threads) == 1 else f"it cannot fork with the threads {threads}"

    def _on_idle(self) -> None:
        if not self._owns_socket():
            raise StackError(f"{self.socket_path} is gone: nobody can reach this step host")
        stamp, now = make_stamp(self.lock), time.monotonic()
        if stamp != self._changed_to:  # an installation may still be going on: wait until nothing moves
            self._changed_to, self._changed_at = stamp, now
        elif stamp != self._stamp and now - self._changed_at >= _SETTLED_SECONDS:
            self._replace()

    def _replace(self) -> NoReturn:
        assert self._listener is not None
        logger.info("what the step host was started from has changed: starting afresh")
        self._listener.setblocking(True)
        os.set_inheritable(self._listener.fileno(), True)
        command = self.command[:-2] if self.command[-2:-1] == [LISTEN_OPTION] else self.command
        os.execv(command[0], [*command, LISTEN_OPTION, str(self._listener.fileno())])  # noqa: S606

    def _owns_socket(self) -> bool:
        with suppress(FileNotFoundError):
            return self.socket_path.stat().st_ino == self._inode
        return False


def import_libraries(libraries: tuple[str, ...]) -> None:
    """Import, then freeze the heap, so that collecting garbage in a step does not copy the pages shared with it.

    Raises:
        StackError: a thread is running afterwards. Its locks would stay locked in every forked step.
    """
    os.environ.update({**THREADS, **QUIET, **LOAD_ENVIRONMENT})
    for name in libraries:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise StackError(f"the step host cannot import {name}: {error}") from error
    gc.collect()
    gc.freeze()
    threads = processes.thread_names()
    if len(threads) > 1:
        raise StackError(f"a library started a thread at import, which forking would lose: {threads}")


def run_job(job: Job) -> NoReturn:
    """In the forked child: be what `retrainer run` would be, with the project's code imported afresh."""
    become_fresh(job)
    from retrainer.steps.execute import run_process

    run_process(job.step, job.request, environ=job.environment)


def become_fresh(job: Job) -> None:
    """Replace what was inherited from the host: environment, time zone, folder of temporary files, random state, the
    project's own modules."""
    at_load = dict(os.environ)
    os.environ.clear()
    os.environ.update(job.environment)
    time.tzset()
    tempfile.tempdir = None  # which asks TMPDIR again
    sys.argv = ["retrainer", "run", job.step]
    for name in [name for name in sys.modules if name.partition(".")[0] in ("retrainer", "models")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    folders = [folder for folder in job.environment.get("PYTHONPATH", "").split(os.pathsep) if folder]
    sys.path[:0] = [folder for folder in folders if folder not in sys.path]
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # else every step would draw the same "random" numbers
    _set_threads(at_load, job.environment)


def _set_threads(at_load: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """The libraries read these variables when they were loaded; where they differ now, set what they would have set."""
    for variable, kind in (("OMP_NUM_THREADS", "openmp"), ("OPENBLAS_NUM_THREADS", "blas")):
        wanted = environment.get(variable, "")
        if wanted != at_load.get(variable, "") and wanted.isdigit():
            from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

            threadpool_limits(limits=int(wanted), user_api=kind)


def _check_folder(path: Path) -> None:
    folder = path.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise ConfigurationError(
            f"the folder of the step host's socket must be yours and private (mode 700), "
            f"{folder} has mode {stat.S_IMODE(found.st_mode):o} and owner {found.st_uid}",
            hint=f"Set step_host_socket to a path in a folder of its own, or: chmod 700 {folder}",
        )


def _check_free(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except FileNotFoundError:
            return
        except ConnectionRefusedError:  # its host was killed
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise StackError(f"cannot use the step host's socket {path}: {error}") from error
    raise StackError(f"another step host listens on {path}")


def _listen(path: Path) -> socket.socket:
    """A socket that is there only once it accepts connections, so that nobody takes it for a dead host's."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    hidden = path.with_name(f".{os.getpid()}")
    before = os.umask(0o177)
    try:
        hidden.unlink(missing_ok=True)
        listener.bind(str(hidden))
        listener.listen(64)
        hidden.rename(path)
    except OSError as error:
        raise StackError(f"cannot listen on {path}: {error}") from error
    finally:
        os.umask(before)
    return listener
