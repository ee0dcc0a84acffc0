"""What a machine's settings say to a container."""

from pathlib import Path

import pytest

from retrainer.config.runtime import load_settings
from retrainer.errors import ConfigurationError

ENVIRON = {
    "RETRAINER_HOME": "/srv/retrainer",
    "RETRAINER_DATA_URI": "s3://bucket/retrainer",
    "RETRAINER_LEDGER_URL": "postgresql+psycopg://retrainer:hunter2@db.example/retrainer",
    "RETRAINER_SERVING_ADMIN_KEY": "hunter3",
    "AWS_ACCESS_KEY_ID": "a key",
}
OF_THE_MACHINE = {"PROJECT_ROOT", "HOME", "MODELS_DIR", "STEP_HOST_SOCKET", "DOCKER_URL", "SERVING_HOST"}


def test_a_container_is_told_addresses_and_patience_and_nothing_about_the_machine(tmp_path: Path) -> None:
    told = load_settings(ENVIRON, tmp_path).container_environment(with_secrets=True)

    assert told["RETRAINER_DATA_URI"] == "s3://bucket/retrainer"
    assert told["RETRAINER_LEDGER_URL"] == ENVIRON["RETRAINER_LEDGER_URL"]
    assert told["RETRAINER_MLFLOW_TIMEOUT_SECONDS"] == "30"
    assert {f"RETRAINER_{name}" for name in OF_THE_MACHINE} & set(told) == set()


def test_the_settings_of_a_container_are_settings(tmp_path: Path) -> None:
    first = load_settings(ENVIRON, tmp_path)
    second = load_settings(first.container_environment(with_secrets=True), tmp_path / "opt")

    assert (second.data_uri, second.ledger_url, second.mlflow_uri) == (
        first.data_uri,
        first.ledger_url,
        first.mlflow_uri,
    )
    assert second.home == tmp_path / "opt" / ".retrainer"


def test_where_secrets_come_from_elsewhere_none_is_told(tmp_path: Path) -> None:
    told = load_settings(ENVIRON, tmp_path).container_environment(with_secrets=False)

    assert "hunter" not in str(told)
    assert {"RETRAINER_LEDGER_URL", "RETRAINER_SERVING_ADMIN_KEY"} & set(told) == set()


def test_variables_are_handed_through_by_name_and_a_missing_one_is_named(tmp_path: Path) -> None:
    settings = load_settings(ENVIRON, tmp_path)

    assert settings.handed_through(["AWS_ACCESS_KEY_ID"]) == {"AWS_ACCESS_KEY_ID": "a key"}
    with pytest.raises(ConfigurationError, match="AWS_ACCES_KEY_ID is not set on this worker; did you mean 'AWS_ACC"):
        settings.handed_through(["AWS_ACCES_KEY_ID"])


def test_an_engine_is_at_a_socket_or_at_a_port(tmp_path: Path) -> None:
    assert load_settings({"RETRAINER_DOCKER_URL": "tcp://proxy:2375"}, tmp_path).docker_url == "tcp://proxy:2375"
    with pytest.raises(ConfigurationError, match="RETRAINER_DOCKER_URL: must be unix:///<path> or tcp://<host>:<port>"):
        load_settings({"RETRAINER_DOCKER_URL": "/var/run/docker.sock"}, tmp_path)
