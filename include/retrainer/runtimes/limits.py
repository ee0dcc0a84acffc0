"""What one step may use."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Memory in megabytes of 2**20 bytes and wall time in seconds; None is no limit.

    `grace_seconds` pass between SIGTERM and SIGKILL when a step is ended.
    """

    memory_mb: int | None = None
    time_seconds: float | None = None
    grace_seconds: float = 10.0
