"""The services of the local stack: which commands, in which order, with which environment."""

import sys
from importlib import metadata
from pathlib import Path

from retrainer.config.runtime import RuntimeSettings
from retrainer.stack.credentials import private_folder
from retrainer.stack.environment import airflow_environment, airflow_home, common_environment
from retrainer.stack.plan import Plan, Service

_MIGRATE = "airflow-db"
_AIRFLOW_COMMANDS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),  # the log servers listen on 0.0.0.0
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}


def logs_folder(settings: RuntimeSettings) -> Path:
    """Folder with one log for each service, <service>.log."""
    return settings.home / "logs"


def state_file(settings: RuntimeSettings) -> Path:
    """File that says which processes the stack runs."""
    return settings.home / "stack" / "state.json"


def stack_plan(settings: RuntimeSettings) -> Plan:
    """The plan of the local stack. Makes the folders and credentials it needs.

    Raises:
        StackError: a folder or the kept credentials cannot be used.
    """
    airflow = airflow_environment(settings)
    for folder in (
        airflow_home(settings),
        logs_folder(settings),
        state_file(settings).parent,
        settings.home / "mlflow",
    ):
        private_folder(folder)
    private_folder(settings.step_host_socket.parent)
    services = _airflow(settings, airflow)
    if has_step_host():
        services.append(_step_host(settings))
    if settings.runs_local_mlflow:
        services.append(_mlflow(settings))
    if settings.runs_local_server:
        services.append(_model_server(settings))
    return Plan(services=tuple(services), state_file=str(state_file(settings)))


def has_step_host() -> bool:
    """Whether the stack runs a step host. It needs Linux; without it every step is a plain process."""
    return sys.platform == "linux"


def _airflow(settings: RuntimeSettings, environment: dict[str, str]) -> list[Service]:
    """The four Airflow components, after a migration of the database where it is not of the installed version."""
    version = metadata.version("apache-airflow-core")
    marker = airflow_home(settings) / "migrated"
    migrated = (airflow_home(settings) / "airflow.db").is_file() and marker.is_file() and marker.read_text() == version
    services = [
        Service(
            name=name,
            command=(sys.executable, "-m", "airflow", *command),
            environment=environment,
            working_directory=str(settings.project_root),
            log_file=_log_file(settings, name),
            after="" if migrated else _MIGRATE,
        )
        for name, command in _AIRFLOW_COMMANDS.items()
    ]
    if migrated:
        return services
    migration = Service(
        name=_MIGRATE,
        command=(sys.executable, "-m", "airflow", "db", "migrate"),
        environment=environment,
        working_directory=str(settings.project_root),
        log_file=_log_file(settings, _MIGRATE),
        once=True,
        done_file=str(marker),
        done_text=version,
    )
    return [migration, *services]


def _mlflow(settings: RuntimeSettings) -> Service:
    folder = settings.home / "mlflow"
    server = ("--host", "127.0.0.1", "--port", str(settings.mlflow_port), "--workers", "1")
    stores = (f"sqlite:///{folder / 'mlflow.db'}", "--artifacts-destination", (folder / "artifacts").as_uri())
    # its background jobs would be three more processes for features that are not used here
    environment = common_environment(settings) | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    return Service(
        name="mlflow",
        command=(sys.executable, "-m", "mlflow", "server", *server, "--backend-store-uri", *stores),
        environment=environment,
        working_directory=str(settings.project_root),
        log_file=_log_file(settings, "mlflow"),
    )


def _step_host(settings: RuntimeSettings) -> Service:
    socket = str(settings.step_host_socket)
    return Service(
        name="step-host",
        command=(sys.executable, "-m", "retrainer.cli.main", "step-host", "--socket", socket),
        environment=common_environment(settings),
        working_directory=str(settings.project_root),
        log_file=_log_file(settings, "step-host"),
    )


def _model_server(settings: RuntimeSettings) -> Service:
    return Service(
        name="model-server",
        command=(sys.executable, "-m", "retrainer.cli.main", "serve"),
        environment=common_environment(settings),
        working_directory=str(settings.project_root),
        log_file=_log_file(settings, "model-server"),
    )


def _log_file(settings: RuntimeSettings, name: str) -> str:
    return str(logs_folder(settings) / f"{name}.log")
