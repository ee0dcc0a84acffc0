"""Free ports for the servers of a test."""

import socket
from contextlib import ExitStack


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on now, all different."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


def stack_ports() -> dict[str, str]:
    """Variables that give a stack ports of its own."""
    names = ("RETRAINER_AIRFLOW_PORT", "RETRAINER_MLFLOW_PORT", "RETRAINER_SERVING_PORT")
    return {name: str(port) for name, port in zip(names, free_ports(len(names)), strict=True)}
