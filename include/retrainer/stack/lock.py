"""One stack per home: a lock that is held by the guard and the supervisor, and freed by their end, however they end."""

import fcntl
import os
from pathlib import Path


class StackLock:
    """A lock on a file, shared with the processes that inherit its descriptor; free when the last has closed it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def take(cls, path: Path) -> "StackLock | None":
        """The lock, or None where somebody holds it. The folder of `path` must exist."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def close(self) -> None:
        """Close this process's hold of the lock."""
        os.close(self.descriptor)
