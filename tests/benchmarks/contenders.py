"""The servers that are measured against each other: one process each, on one core, ended with the `with` block."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import httpx
import msgspec
import psutil
from http_load import Answer, Load, Outcome

FOLDER = Path(__file__).parent
SERVER_CORE, CLIENT_CORE = 0, 1
"""On a machine with one core both are the same."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A server that is up, and how it is asked: `bodies` and what is right for each."""

    name: str
    port: int
    path: str
    bodies: Sequence[str]
    expected: Sequence[Mapping[str, float]]
    answer: Answer = "any"

    def load(self, *, seconds: float, connections: int, rate: float = 0.0) -> Outcome:
        """Ask it from a process of its own, on the other core."""
        load = Load(
            port=self.port,
            path=self.path,
            bodies=list(self.bodies),
            expected=[dict(each) for each in self.expected],
            answer=self.answer,
            connections=connections,
            seconds=seconds,
            rate=rate,
        )
        command = on_core(CLIENT_CORE, [sys.executable, str(FOLDER / "http_load.py")])
        done = subprocess.run(command, input=msgspec.json.encode(load), capture_output=True, check=True)
        return msgspec.json.decode(done.stdout, type=Outcome)


@contextmanager
def serving(
    command: Sequence[str], *, folder: Path, port: int, alive: str, environ: Mapping[str, str]
) -> Iterator[None]:
    """A server's process in `folder`, with its children, for a `with` block, once `alive` answers with 200."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(on_core(SERVER_CORE, command), env=dict(environ), cwd=folder, stdout=log, stderr=log)
        try:
            _wait(process, f"http://127.0.0.1:{port}{alive}", log)
            yield
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
    _, left = psutil.wait_procs(family, timeout=15)
    for each in left:
        each.kill()


def on_core(core: int, command: Sequence[str]) -> list[str]:
    """The command, held on one core where there are several."""
    cores = sorted(os.sched_getaffinity(0))
    return ["taskset", "-c", str(cores[core % len(cores)]), *command]


def _wait(process: subprocess.Popen[bytes], url: str, log: IO[bytes]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            log.seek(0)
            said = log.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"the server of {url} ended with status {process.returncode}: {said}")
        try:
            if httpx.get(url, trust_env=False, timeout=5).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer")
