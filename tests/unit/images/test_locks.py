"""What is installed in the images: nothing but what requirements.lock pins, all that their code imports, signed off."""

import hashlib
import re
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pytest

from retrainer.cli.main import _COMMANDS as COMMANDS
from retrainer.steps.catalog import STEPS

ROOT = Path(__file__).parents[3]
IMAGES = ROOT / "config" / "images"
TARGETS = ("server", "steps", "airflow")
LOCKS = (*TARGETS, "build", "example")

_PIN = re.compile(r"^([a-z0-9.-]+)==([^\s;]+)", re.MULTILINE)
Pin = tuple[str, str]


def read_lock(path: Path) -> dict[Pin, frozenset[str]]:
    """The hashes of each name and version. A lock for all Pythons can have two versions of a package."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    return {
        (match.group(1), match.group(2)): frozenset(re.findall(r"--hash=(\S+)", line))
        for line in text.splitlines()
        if (match := _PIN.match(line))
    }


def names(image: str) -> set[str]:
    return {name for name, _ in read_lock(IMAGES / f"{image}.lock")}


def commands(*wanted: str) -> list[str]:
    return ["retrainer.cli.main", *(COMMANDS[name][0].partition(":")[0] for name in wanted)]


STEP_MODULES = [place.partition(":")[0] for place in STEPS.values()]
ENTRY_POINTS = {
    "server": ["retrainer.serving.__main__", "retrainer.serving.supply.__main__", *commands("serve", "keys")],
    "steps": [*commands("run", "step-host"), *STEP_MODULES],
    "airflow": ["retrainer.airflow", *commands(*COMMANDS), *STEP_MODULES],
}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        "retrainer", include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )


def imported(graph: grimp.ImportGraph, entry_points: list[str]) -> set[str]:
    """Third-party packages that these modules import, also late and through others."""
    reached: set[str] = set()
    waiting = set(entry_points)
    while waiting:
        module = waiting.pop()
        if module in reached:
            continue
        reached.add(module)
        waiting |= graph.find_modules_directly_imported_by(module) | ({module.rpartition(".")[0]} - {""})
        if module == "retrainer.airflow":  # Airflow finds what it runs by itself
            waiting |= graph.find_descendants(module)
    return {module for module in reached if "." not in module and module != "retrainer"}


@pytest.mark.parametrize("lock", LOCKS)
def test_each_pin_of_an_image_is_the_one_of_requirements_lock_with_the_same_hashes(lock: str) -> None:
    pinned, everything = read_lock(IMAGES / f"{lock}.lock"), read_lock(ROOT / "requirements.lock")
    assert pinned
    other = sorted("==".join(pin) for pin, hashes in pinned.items() if everything.get(pin) != hashes)
    assert not other, "made from another requirements.lock; run: make locks"


@pytest.mark.parametrize("lock", LOCKS)
def test_what_an_image_is_installed_from_is_signed_off_in_the_dockerfile(lock: str) -> None:
    digest = hashlib.sha256((IMAGES / f"{lock}.lock").read_bytes()).hexdigest()
    signed = re.findall(rf"^ARG {lock.upper()}_LOCK=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert signed == [digest], "look at the change of the lock, then write its SHA-256 into the Dockerfile"


@pytest.mark.parametrize("image", TARGETS)
def test_an_image_has_all_that_its_code_imports(graph: grimp.ImportGraph, image: str) -> None:
    owners, installed = packages_distributions(), names(image)
    packages = imported(graph, ENTRY_POINTS[image])
    assert {"pydantic", "numpy", "mlflow", "sqlalchemy"} <= packages
    missing = {
        package
        for package in packages - {"models"}
        if package in owners and not {_normal(name) for name in owners[package]} & installed
    }
    assert not missing, f"name them in config/images/{image}.in, then run: make locks"


@pytest.mark.parametrize("image", ["server", "steps"])
def test_no_image_but_airflows_has_airflow(graph: grimp.ImportGraph, image: str) -> None:
    assert not {name for name in names(image) if "airflow" in name}
    assert "airflow" not in imported(graph, ENTRY_POINTS[image])
    assert "apache-airflow" in names("airflow")


def test_mlflow_is_in_an_image_once() -> None:
    assert "mlflow" not in names("server")
    assert "mlflow-skinny" in names("server")
    assert {"mlflow", "mlflow-skinny"} <= names("steps") & names("airflow")


def test_nothing_to_develop_with_is_in_an_image() -> None:
    for image in TARGETS:
        assert not names(image) & {"pytest", "mypy", "ruff", "hypothesis", "schemathesis"}


@pytest.mark.parametrize("file", ["Dockerfile", *sorted(path.name for path in IMAGES.iterdir())])
def test_no_file_of_the_images_names_a_registry_a_proxy_or_a_place_of_this_machine(file: str) -> None:
    path = ROOT / file if file == "Dockerfile" else IMAGES / file
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"https?://|index-url|find-links|trusted-host|_proxy|/home/|/work/", text, re.IGNORECASE)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
