"""How the processes of the stack are configured: every setting of Airflow and MLflow that is not their default."""

import json
from pathlib import Path

from retrainer.config.runtime import RuntimeSettings, connection_variable
from retrainer.stack.credentials import PASSWORD_FILE, USERNAME, private_folder, read_credentials

EXAMPLE_CONNECTION = "flights_source"
"""Id of the connection to the example's source database."""

_NO_USAGE_TRACKING = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",  # Evidently: any value; MLflow: true
    "ITERATIVE_DO_NOT_TRACK": "true",  # the library that Evidently sends with
    "EVIDENTLY_DISABLE_TELEMETRY": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "SCARF_ANALYTICS": "false",
}

_AIRFLOW = {
    "core": {
        "executor": "LocalExecutor",
        "load_examples": "False",
        "auth_manager": "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager",
        "simple_auth_manager_users": f"{USERNAME}:admin",
        "simple_auth_manager_all_admins": "False",
        "hostname_callable": "socket.gethostname",  # the default asks the DNS
        "min_serialized_dag_update_interval": "5",
    },
    "api": {"host": "127.0.0.1", "workers": "1", "expose_config": "False"},
    "workers": {
        # A task's supervisor that misses the task's end by a moment looks again only after this time (default 5 s),
        # and holds the slot until then.
        "min_heartbeat_interval": "1",
        "execution_api_timeout": "30",
    },
    "scheduler": {
        "scheduler_idle_sleep_time": "0.2",  # what a task waits for, twice: to be queued, and for its end to be seen
        "enable_health_check": "False",
        # after a scheduler that was killed: the next one takes its tasks over at the first check after 30 s
        "orphaned_tasks_check_interval": "15",
        "task_instance_heartbeat_timeout": "120",
    },
    "dag_processor": {"refresh_interval": "20", "min_file_process_interval": "20", "parsing_processes": "2"},
    "triggerer": {"capacity": "200"},
    "logging": {
        "colored_console_log": "False",
        "file_task_handler_new_folder_permissions": "0o700",
        "file_task_handler_new_file_permissions": "0o600",
    },
}

_SENSOR = "retrainer.airflow.sensors.wait_for_data.WaitForDataSensor"

_OPENLINEAGE = {
    "namespace": "retrainer",
    # by default it forks the task's process for each event: 0.2 to 1 s a task, against 0.02 to 0.2 s in a thread
    "execute_in_thread": "True",
    "execution_timeout": "5",
    "emission_policy": json.dumps(
        [
            {"scope": {}, "controls": {"include_source_code": False}},  # it is in the repository, not in every event
            {"scope": {"operator": _SENSOR}, "controls": {"emit": False}},  # it hands no data on
        ]
    ),
}

_OPENLINEAGE_TARGETS = (
    "AIRFLOW__OPENLINEAGE__TRANSPORT",
    "AIRFLOW__OPENLINEAGE__CONFIG_",
    "OPENLINEAGE_",
)
"""What the names of the variables begin with by which a user sends lineage events elsewhere."""


def airflow_url(settings: RuntimeSettings) -> str:
    """Address of the local Airflow, without a final slash."""
    return f"http://127.0.0.1:{settings.airflow_port}"


def airflow_home(settings: RuntimeSettings) -> Path:
    """Folder of Airflow's database and logs."""
    return settings.home / "airflow"


def airflow_environment(settings: RuntimeSettings) -> dict[str, str]:
    """The whole environment of an Airflow process of the local stack, secrets included. Makes home where it is missing.

    Raises:
        StackError: home cannot be used, or the kept credentials are damaged.
    """
    private_folder(settings.home)
    credentials = read_credentials(settings.home)
    here = {
        "core": {
            "dags_folder": str(settings.project_root / "dags"),
            "plugins_folder": str(settings.project_root / "plugins"),
            "simple_auth_manager_passwords_file": str(settings.home / PASSWORD_FILE),
            "parallelism": str(settings.parallelism),
            "max_active_tasks_per_dag": str(settings.parallelism),
            "execution_api_server_url": f"{airflow_url(settings)}/execution/",
            "fernet_key": credentials.fernet_key,
        },
        # a writer waits for another one for up to half a minute, instead of SQLite's five seconds
        "database": {"sql_alchemy_conn": f"sqlite:///{airflow_home(settings) / 'airflow.db'}?timeout=30"},
        "api": {
            "port": str(settings.airflow_port),
            "base_url": airflow_url(settings),
            "secret_key": credentials.api_secret_key,
        },
        "api_auth": {"jwt_secret": credentials.jwt_secret},
    }
    variables = {
        f"AIRFLOW__{section.upper()}__{name.upper()}": value
        for options in (_AIRFLOW, here)
        for section, values in options.items()
        for name, value in values.items()
    }
    common = common_environment(settings)
    return common | variables | _lineage(settings, common) | {"AIRFLOW_HOME": str(airflow_home(settings))}


def lineage_file(settings: RuntimeSettings) -> Path:
    """Where the local Airflow appends its OpenLineage events, one JSON object a line."""
    return settings.home / "lineage" / "events.jsonl"


def common_environment(settings: RuntimeSettings) -> dict[str, str]:
    """The environment of every process of the stack: the settings, the example's source, and no usage tracking."""
    inherited = settings.child_environment()
    variables = {
        "PYTHONUNBUFFERED": "1",
        "PYTHONSAFEPATH": "1",  # the working directory is no place to import from
        "MLFLOW_TRACKING_URI": settings.mlflow_uri,
        "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(settings.mlflow_timeout_seconds),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(settings.mlflow_retries),
        "GIT_PYTHON_REFRESH": "quiet",
    }
    return inherited | _example_source(settings, inherited) | _NO_USAGE_TRACKING | variables


def _lineage(settings: RuntimeSettings, inherited: dict[str, str]) -> dict[str, str]:
    """OpenLineage to a file of this user alone. What the user has set about OpenLineage is left as it is."""
    file = lineage_file(settings)
    private_folder(file.parent)
    variables = {f"AIRFLOW__OPENLINEAGE__{name.upper()}": value for name, value in _OPENLINEAGE.items()}
    if not any(name.startswith(_OPENLINEAGE_TARGETS) for name in inherited):
        transport = {"type": "file", "log_file_path": str(file), "append": True}
        variables["AIRFLOW__OPENLINEAGE__TRANSPORT"] = json.dumps(transport)
    return {name: value for name, value in variables.items() if name not in inherited}


def _example_source(settings: RuntimeSettings, inherited: dict[str, str]) -> dict[str, str]:
    """The connection to the example's database, unless the user has set it: for Airflow's operators, and for steps."""
    for_airflow, for_steps = f"AIRFLOW_CONN_{EXAMPLE_CONNECTION.upper()}", connection_variable(EXAMPLE_CONNECTION)
    if for_airflow in inherited or for_steps in inherited:
        return {}
    database = str(settings.example_database)
    return {
        for_airflow: json.dumps({"conn_type": "sqlite", "host": database}),
        for_steps: f"sqlite:///{database}",
    }
