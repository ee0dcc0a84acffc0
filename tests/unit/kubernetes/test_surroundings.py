"""What the pods are told: settings that exist, Secrets that are named, and nothing that is taken for a setting."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from retrainer.config.runtime import RuntimeSettings, load_settings
from tests.unit.kubernetes.objects import (
    ROOT,
    Object,
    container,
    deployments,
    env_from_values,
    everywhere,
    label,
    manifests,
    named,
    secrets,
    values,
)

AIRFLOW_SERVICE = "airflow-api-server"
"""What the chart calls the one Service of a release with the name `airflow`."""


def settings_of_pods() -> dict[str, str]:
    """The variables of ConfigMap and Secrets, as a pod has them."""
    of_secrets = {key: f"secret://{key}" for keys in secrets().values() for key in keys if key.startswith("RETRAINER_")}
    return of_secrets | named("ConfigMap")["retrainer-settings"]["data"]


def service_links(name: str, port: int) -> dict[str, str]:
    """The variables that Kubernetes makes of a Service for the pods of its namespace."""
    prefix = name.upper().replace("-", "_")
    address = f"tcp://10.0.0.1:{port}"
    return {
        f"{prefix}_SERVICE_HOST": "10.0.0.1",
        f"{prefix}_SERVICE_PORT": str(port),
        f"{prefix}_PORT": address,
        f"{prefix}_PORT_{port}_TCP": address,
        f"{prefix}_PORT_{port}_TCP_ADDR": "10.0.0.1",
    }


def references() -> Iterator[tuple[str, str | None]]:
    """Every Secret that a manifest or the values name, and the key where they name one."""
    for pod in deployments().values():
        yield from ((each["name"], None) for each in everywhere(pod, "secretRef"))
        for volume in pod["volumes"]:
            if "secret" in volume:
                paths = [each["subPath"] for each in container(pod)["volumeMounts"] if each["name"] == volume["name"]]
                yield from ((volume["secret"]["secretName"], path) for path in paths)
    given = values()
    yield from ((each["name"], None) for each in everywhere(env_from_values(), "secretRef"))
    yield from ((each["name"], each["key"]) for each in everywhere(given, "secretKeyRef"))
    yield from ((each["secretName"], each["secretKey"]) for each in given["secret"])
    yield given["data"]["metadataSecretName"], "connection"
    yield given["fernetKeySecretName"], "fernet-key"
    yield given["apiSecretKeySecretName"], "api-secret-key"
    yield given["jwtSecretName"], "jwt-secret"
    for key in ("GIT_SYNC_USERNAME", "GIT_SYNC_PASSWORD", "GITSYNC_USERNAME", "GITSYNC_PASSWORD"):
        yield given["dags"]["gitSync"]["credentialsSecret"], key


def test_the_settings_of_config_map_and_secrets_are_settings() -> None:
    given = settings_of_pods()
    settings = load_settings(given | {"RETRAINER_HOME": "/var/lib/retrainer"}, ROOT)

    known = {f"RETRAINER_{name.upper()}" for name in RuntimeSettings.model_fields}
    assert {name for name in given if not name.startswith("RETRAINER_CONN_")} <= known
    assert settings.data_uri == given["RETRAINER_DATA_URI"]
    assert settings.has_server


@pytest.mark.parametrize("component", ["dagProcessor", "workers.kubernetes", ""], ids=lambda name: name or "all")
def test_variables_in_the_values_are_settings_or_airflows_own(component: str) -> None:
    section = values()
    for name in filter(None, component.split(".")):
        section = section[name]
    given = {each["name"] for each in section["env"]}

    known = {f"RETRAINER_{name.upper()}" for name in RuntimeSettings.model_fields}
    assert given
    assert all(name in known or re.match(r"AIRFLOW__[A-Z_]+__[A-Z_]+$", name) for name in given)


def test_every_secret_that_is_named_is_in_the_example_with_its_key() -> None:
    example = secrets()
    asked = list(references())

    assert {name for name, _ in asked} == example.keys()
    assert [(name, key) for name, key in asked if key is not None and key not in example[name]] == []


def test_every_key_in_the_example_is_used() -> None:
    whole = {name for name, key in references() if key is None}
    used = {(name, key) for name, key in references() if key is not None}
    unused = [(name, key) for name, keys in secrets().items() if name not in whole for key in keys]

    assert [each for each in unused if each not in used] == []


@pytest.mark.parametrize("pod", deployments().values(), ids=list(deployments()))
def test_no_variables_are_made_of_services(pod: Object) -> None:
    assert pod["enableServiceLinks"] is False


def test_where_they_are_made_nevertheless_none_is_taken_for_a_setting() -> None:
    names = [*named("Service"), AIRFLOW_SERVICE]
    links = {key: text for name in names for key, text in service_links(name, 8000).items()}

    assert len(names) >= 4
    assert values()["enableServiceLinks"] is False
    load_settings(settings_of_pods() | links, ROOT)


@pytest.mark.parametrize("key", ["RETRAINER_MLFLOW_URI", "RETRAINER_SERVING_URI"])
def test_an_address_is_that_of_a_service(key: str) -> None:
    address = urlsplit(named("ConfigMap")["retrainer-settings"]["data"][key])

    assert address.hostname in named("Service")
    assert named("Service")[address.hostname]["spec"]["ports"][0]["port"] == address.port


def test_a_release_reaches_servers_that_are_not_ready_yet() -> None:
    """The first release of all: no server is ready before it, and none would become so without it."""
    name = urlsplit(named("ConfigMap")["retrainer-settings"]["data"]["RETRAINER_SERVING_URI"]).hostname
    assert name
    spec = named("Service")[name]["spec"]

    assert spec["publishNotReadyAddresses"] is True
    assert spec["clusterIP"] == "None"


def test_mlflow_accepts_the_name_that_it_is_asked_by() -> None:
    from mlflow.server.security_utils import is_allowed_host_header

    (hosts,) = (
        each["value"]
        for each in container(deployments()["mlflow-server"])["env"]
        if each["name"] == "MLFLOW_SERVER_ALLOWED_HOSTS"
    )
    asked = urlsplit(named("ConfigMap")["retrainer-settings"]["data"]["RETRAINER_MLFLOW_URI"]).netloc

    assert is_allowed_host_header(hosts.split(","), asked)
    assert not is_allowed_host_header(hosts.split(","), "elsewhere.example")


def test_the_namespace_of_everything_is_the_one_that_is_made() -> None:
    (namespace,) = manifests("Namespace")
    others = [label(each) for each in manifests() if "namespace" in each["metadata"]]

    assert namespace["metadata"]["name"] == "retrainer"
    assert others == [], "the kustomization says the namespace"
