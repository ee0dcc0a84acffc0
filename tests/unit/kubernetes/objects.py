"""What is in config/kubernetes, as the tests look at it."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "config" / "kubernetes"
EXAMPLE = "secrets.example.yaml"
VALUES = "airflow-values.yaml"
NOT_APPLIED = ("kustomization.yaml", VALUES, EXAMPLE)

Object = dict[str, Any]


def read(name: str) -> list[Object]:
    """The documents in a file."""
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


def values() -> Object:
    """The values of the Helm chart."""
    (found,) = read(VALUES)
    return found


def kustomization() -> Object:
    (found,) = read("kustomization.yaml")
    return found


def manifests(*kinds: str) -> list[Object]:
    """What `kubectl apply -k` makes, of these kinds; without kinds all of it."""
    files = sorted(path.name for path in FOLDER.glob("*.yaml") if path.name not in NOT_APPLIED)
    found = [each for name in files for each in read(name)]
    return [each for each in found if not kinds or each["kind"] in kinds]


def named(*kinds: str) -> dict[str, Object]:
    return {each["metadata"]["name"]: each for each in manifests(*kinds)}


def label(each: Object) -> str:
    return f"{each['kind']} {each['metadata']['name']}"


def secrets() -> dict[str, set[str]]:
    """The keys of each Secret that there has to be."""
    return {each["metadata"]["name"]: set(each["stringData"]) for each in read(EXAMPLE)}


def deployments() -> dict[str, Object]:
    """The pod of each Deployment."""
    found = {name: each["spec"]["template"]["spec"] for name, each in named("Deployment").items()}
    assert found
    return found


def container(pod: Object) -> Object:
    (found,) = pod["containers"]
    assert isinstance(found, dict)
    return found


def env_from_values() -> list[Object]:
    """What `extraEnvFrom` of the chart's values adds to every container."""
    found = yaml.safe_load(values()["extraEnvFrom"])
    assert isinstance(found, list)
    return found


def everywhere(node: Any, key: str) -> Iterator[Any]:
    """What stands under `key`, however deep."""
    if isinstance(node, dict):
        for name, below in node.items():
            if name == key:
                yield below
            yield from everywhere(below, key)
    elif isinstance(node, list):
        yield from itertools.chain.from_iterable(everywhere(each, key) for each in node)


def dockerfile(target: str) -> str:
    """The stage of the Dockerfile that makes an image."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    found = re.search(rf"^FROM \S+ AS {target}$(.*?)(?=^FROM |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"the Dockerfile has no stage {target}"
    return found[1]
