"""Whether the ports of the settings are free, before anything starts."""

import socket

import psutil

from retrainer.config.runtime import RuntimeSettings
from retrainer.errors import StackError


def check_ports(settings: RuntimeSettings) -> None:
    """Raises:
    StackError: a port is taken. The message names the port, the setting, and the process where it can be seen.
    """
    ports = {"airflow_port": settings.airflow_port}
    if settings.runs_local_mlflow:
        ports["mlflow_port"] = settings.mlflow_port
    if settings.runs_local_server:
        ports["serving_port"] = settings.serving_port
    for setting, port in ports.items():
        if not _is_free(port):
            variable = f"RETRAINER_{setting.upper()}"
            raise StackError(
                f"port {port} on 127.0.0.1, the setting {setting}, is taken{_owner(port)}",
                hint=f"Choose another with {variable}=<port> or in config/runtime.yaml, or stop what uses it.",
            )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free for a server
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _owner(port: int) -> str:
    """Who listens on `port`, as far as this user may see."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
    except psutil.Error:
        return ""
    return ""
