"""docs/kubernetes.md: its commands and its example are about what is in config/kubernetes."""

import re

import yaml

from retrainer.config.declaration import Runtime
from tests.unit.kubernetes.objects import FOLDER, ROOT, named, secrets, values

DOCUMENT = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found
    return found


def test_every_file_is_named() -> None:
    assert [path.name for path in FOLDER.glob("*.yaml") if f"`{path.name}`" not in DOCUMENT] == []


def test_the_commands_make_every_secret_with_its_keys() -> None:
    commands = "\n".join(blocks("sh")).replace("\\\n", " ")
    made = {
        match[1]: set(re.findall(r"--from-literal=([\w-]+)=", match[2]))
        | ({"keys.json"} if "keys.json" in match[2] else set())
        for match in re.finditer(r"create secret generic (\S+)(.*)", commands)
    }
    optional = {"AWS_ENDPOINT_URL"}

    assert made == {name: keys - optional for name, keys in secrets().items()}


def test_the_example_of_pods_for_steps_is_a_declaration_about_what_is_there() -> None:
    (block,) = blocks("yaml")
    runtime = Runtime.model_validate(yaml.safe_load(block)["runtime"])

    pods = runtime.kubernetes
    assert pods is not None
    assert pods.namespace in named("Namespace")
    assert pods.service_account in named("ServiceAccount")
    assert set(pods.config_maps) <= named("ConfigMap").keys()
    assert set(pods.secrets) <= secrets().keys()
    assert {each.claim for each in pods.volumes} <= named("PersistentVolumeClaim").keys()
    (claim,) = values()["workers"]["kubernetes"]["extraVolumeMounts"]
    assert [each.target for each in pods.volumes] == [claim["mountPath"]]


def test_the_version_of_the_chart_is_the_same_everywhere() -> None:
    said = set(re.findall(r"--version (\S+)", DOCUMENT + (FOLDER / "airflow-values.yaml").read_text(encoding="utf-8")))

    assert said == {"1.22.0"}
