"""What a running step host was started from, as one digest."""

import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

_SOURCES = (Path(__file__).parent, Path(__file__).parents[1] / "runtimes")
_OWN = ("host.py", "libraries.py", "stamp.py")


def make_stamp(lock: Path) -> str:
    """SHA-256 over the lock file, the installed distributions, the interpreter and the host's own source files.

    The steps' code is not in it: they import it afresh. Takes about a millisecond.
    """
    digest = hashlib.sha256()
    for part in _parts(lock):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _parts(lock: Path) -> Iterator[bytes]:
    yield lock.read_bytes() if lock.is_file() else b""
    names = os.listdir(sysconfig.get_path("purelib"))  # noqa: PTH208 only names are wanted
    yield "\n".join(sorted(name for name in names if name.endswith(".dist-info"))).encode()
    yield f"{sys.version} {os.path.realpath(sys.executable)}".encode()
    steps, runtimes = _SOURCES
    for path in [*(steps / name for name in _OWN), *sorted(runtimes.glob("*.py"))]:
        yield path.read_bytes() if path.is_file() else b""
