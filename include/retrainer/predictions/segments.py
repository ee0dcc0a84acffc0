"""Segments: files of frames that grow until they are full or old. Who holds a segment's lock owns it.

The lock is the kernel's (flock), so it ends with the process that holds it, however that ends: a segment that can be
locked is closed, and whoever collects it needs to ask nobody.
"""

import errno
import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

SUFFIX = ".segment1"
"""The number is that of the format: what another version of this software wrote is left to that version."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a segment is closed, and how much may lie there until somebody collects it."""

    segment_bytes: int = 16 * 2**20
    segment_seconds: float = 30
    folder_bytes: int = 4 * 2**30
    """Of the segments of one model. Beyond it nothing is written, as if the disk were full."""


class SegmentWriter:
    """Appends frames to the segments of one folder. For one thread; another process may have a writer there too."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._limits = limits
        self._file: int | None = None
        self._size = 0
        self._opened = 0.0

    def write(self, frames: bytes) -> None:
        """Append whole frames and have them on disk; all or, where that fails, none of them.

        Raises:
            OSError: the disk is full, or what else the system says.
        """
        file = self._open()
        try:
            written = 0
            while written < len(frames):
                written += os.write(file, frames[written:] if written else frames)
            os.fsync(file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(file, self._size)
            self.close()
            raise
        self._size += len(frames)
        if self._size >= self._limits.segment_bytes:
            self.close()

    def close_if_old(self) -> None:
        """Let go of a segment that has been open for long enough, so that it can be collected."""
        if self._file is not None and time.monotonic() - self._opened >= self._limits.segment_seconds:
            self.close()

    def close(self) -> None:
        """Let go of the segment. The next write begins another one."""
        if self._file is not None:
            with suppress(OSError):  # what was written is on disk already
                os.close(self._file)
            self._file = None

    def _open(self) -> int:
        """The open segment, or a new one. It gets its name once it is locked, so that no collector is faster."""
        if self._file is not None:
            return self._file
        self._folder.mkdir(parents=True, exist_ok=True)
        if _folder_bytes(self._folder) >= self._limits.folder_bytes:
            raise OSError(errno.EDQUOT, f"{self._limits.folder_bytes} bytes of predictions wait to be collected")
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}{SUFFIX}"
        hidden = self._folder / f".{name}"
        file = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            hidden.rename(self._folder / name)
        except OSError:
            os.close(file)
            hidden.unlink(missing_ok=True)
            raise
        self._file, self._size, self._opened = file, 0, time.monotonic()
        return file


@dataclass(frozen=True, slots=True)
class Segment:
    """A closed segment that this process holds."""

    path: Path
    file: BinaryIO
    size: int

    def remove(self) -> None:
        """Delete it: its rows are elsewhere for good, or are not to be kept."""
        self.path.unlink(missing_ok=True)


@contextmanager
def closed_segments(folder: Path, *, most_bytes: int) -> Iterator[list[Segment]]:
    """Hold the oldest closed segments of a folder, up to about `most_bytes` of them and at least one if there is one.

    Segments that somebody writes or collects are passed over.
    """
    held: list[Segment] = []
    size = 0
    try:
        for path in sorted(folder.glob(f"[0-9]*{SUFFIX}")):
            segment = _hold(path)
            if segment is not None:
                held.append(segment)
                size += segment.size
            if size >= most_bytes:
                break
        yield held
    finally:
        for segment in held:
            segment.file.close()


def _hold(path: Path) -> Segment | None:
    try:
        file = path.open("r+b")  # NFS locks a file for itself alone only where it may be written
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    except OSError:
        file.close()
        raise
    found = os.fstat(file.fileno())
    if found.st_nlink == 0:  # somebody collected it between being opened and being locked
        file.close()
        return None
    return Segment(path, file, found.st_size)


def _folder_bytes(folder: Path) -> int:
    size = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                size += entry.stat().st_size
    return size
