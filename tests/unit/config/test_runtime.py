"""Settings: the file, the variables over it, the defaults that depend on each other, and errors that name the place."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from retrainer.config.runtime import connection_variable, find_project_root, load_settings
from retrainer.errors import ConfigurationError

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    return tmp_path


def write_settings(project: Path, text: str) -> Path:
    path = project / "config" / "runtime.yaml"
    path.write_text(text)
    return path


def test_without_a_file_and_variables_the_defaults_are_in_the_project(project):
    settings = load_settings({}, project)

    assert settings.home == project / ".retrainer"
    assert settings.data_uri == str(project / ".retrainer" / "data")
    assert settings.ledger_url == f"sqlite:///{project}/.retrainer/ledger.sqlite"
    assert settings.mlflow_uri == "http://127.0.0.1:5000"
    assert settings.models_dir == project / "config" / "models"
    assert 2 <= settings.parallelism <= 16
    assert settings.runs_local_mlflow


def test_defaults_follow_the_settings_they_depend_on(project):
    settings = load_settings({"RETRAINER_HOME": "elsewhere", "RETRAINER_MLFLOW_PORT": "5999"}, project)

    assert settings.home == project / "elsewhere"
    assert settings.data_uri == str(project / "elsewhere" / "data")
    assert settings.mlflow_uri == "http://127.0.0.1:5999"


def test_a_variable_overrides_the_file_and_an_empty_one_does_not(project):
    write_settings(project, "airflow_port: 8001\nmlflow_port: 5001\n")

    settings = load_settings({"RETRAINER_AIRFLOW_PORT": "8002", "RETRAINER_MLFLOW_PORT": ""}, project)

    assert (settings.airflow_port, settings.mlflow_port) == (8002, 5001)


def test_object_store_uris_are_left_as_they_are_and_folders_start_at_the_project(project):
    assert load_settings({"RETRAINER_DATA_URI": "s3://bucket/data"}, project).data_uri == "s3://bucket/data"
    assert load_settings({"RETRAINER_DATA_URI": "here/data"}, project).data_uri == str(project / "here" / "data")


def test_another_mlflow_server_is_used_instead_of_the_local_one(project):
    assert not load_settings({"RETRAINER_MLFLOW_URI": "https://mlflow.example"}, project).runs_local_mlflow


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"RETRAINER_HOEM": "x"}, "unknown setting RETRAINER_HOEM; did you mean RETRAINER_HOME? (allowed: "),
        ({"RETRAINER_AIRFLOW_PORT": "http"}, "RETRAINER_AIRFLOW_PORT: input should be a valid integer"),
        ({"RETRAINER_AIRFLOW_PORT": "70000"}, "RETRAINER_AIRFLOW_PORT: input should be less than or equal to 65535"),
        ({"RETRAINER_MLFLOW_PORT": "8080"}, "RETRAINER_MLFLOW_PORT: must differ from airflow_port, both are 8080"),
        ({"RETRAINER_PARALLELISM": "0"}, "RETRAINER_PARALLELISM: input should be greater than or equal to 1, got '0'"),
        (
            {"RETRAINER_STEP_HOST_SOCKET": "/" + "x" * 120},
            "RETRAINER_STEP_HOST_SOCKET: must be a path of at most 100 bytes, got 121",
        ),
        ({"RETRAINER_STEP_HOST_SOCKET": "s.sock"}, "RETRAINER_STEP_HOST_SOCKET: must be an absolute path, got s.sock"),
    ],
    ids=["unknown", "no number", "no port", "same port", "parallelism", "long socket", "relative socket"],
)
def test_a_wrong_variable_is_named_with_its_value_and_what_is_allowed(project, environ, message):
    with pytest.raises(ConfigurationError) as caught:
        load_settings(environ, project)

    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("mlflow_port: 5001\nairflow_prt: 1\n", 2, "unknown key 'airflow_prt'; did you mean 'airflow_port'?"),
        ("\nairflow_port: 0\n", 2, "airflow_port: input should be greater than or equal to 1, got 0"),
        ("airflow_port: 5000\n\nmlflow_port: 5000\n", 3, "mlflow_port: must differ from airflow_port"),
        ("project_root: /\n", 1, "unknown key 'project_root'"),
        ("airflow_port: [\n", 2, "not YAML"),
    ],
    ids=["unknown", "bounds", "same port", "root", "not yaml"],
)
def test_a_wrong_line_of_the_file_is_named_with_file_and_line(project, text, line, message):
    path = write_settings(project, text)

    with pytest.raises(ConfigurationError) as caught:
        load_settings({}, project)

    assert str(caught.value).startswith(f"{path}:{line}: {message}")


def test_the_socket_of_a_long_home_is_a_short_path_that_depends_on_home_only(project):
    homes = [project / ("x" * 120), project / ("y" * 120)]
    sockets = [load_settings({"RETRAINER_HOME": str(home)}, project).step_host_socket for home in (*homes, homes[0])]

    assert all(len(os.fsencode(path)) <= 100 for path in sockets)
    assert sockets[0] == sockets[2] != sockets[1]
    assert load_settings({"RETRAINER_HOME": "/h"}, project).step_host_socket == Path("/h/run/step-host.sock")


def test_a_connection_is_found_by_its_id_whatever_its_letters(project):
    settings = load_settings({"RETRAINER_CONN_SALES_DB": "sqlite:///x"}, project)

    assert settings.connection_url("sales-db") == "sqlite:///x"
    assert connection_variable("sales.db") == "RETRAINER_CONN_SALES_DB"


def test_an_unknown_connection_names_its_variable_and_the_nearest_one_and_shows_no_url(project):
    settings = load_settings({"RETRAINER_CONN_SALES_DB": "postgresql://u:secret@host/db"}, project)

    with pytest.raises(ConfigurationError) as caught:
        settings.connection_url("sale_db")

    assert "RETRAINER_CONN_SALE_DB is not set; did you mean 'sales_db'?" in str(caught.value)
    assert "secret" not in str(caught.value) + repr(settings)


def test_children_get_the_same_settings_and_may_write_bytecode(project):
    environ = {"RETRAINER_HOME": "elsewhere", "PYTHONDONTWRITEBYTECODE": "1", "OTHER": "kept"}
    settings = load_settings(environ, project)

    child = settings.child_environment()

    assert child["OTHER"] == "kept"
    assert "PYTHONDONTWRITEBYTECODE" not in child
    assert load_settings(child, Path("/")).model_dump() == settings.model_dump()


def test_the_project_is_found_from_a_folder_below_it(project):
    (project / "config" / "models").mkdir()
    (project / "dags").mkdir()

    assert find_project_root(project / "dags") == project


def test_the_settings_file_of_the_project_is_valid():
    assert load_settings({}, REPOSITORY).airflow_port == 8080


def test_importing_the_settings_imports_no_library_of_the_steps():
    heavy = (
        "{'pandas', 'sklearn', 'mlflow', 'great_expectations', 'duckdb', 'deltalake', 'sqlalchemy', 'airflow', 'numpy'}"
    )
    code = f"import retrainer.config.runtime, retrainer.cli.main, sys; sys.exit(str({heavy} & set(sys.modules) or ''))"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stderr.strip() == ""
