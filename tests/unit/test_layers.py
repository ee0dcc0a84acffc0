"""The import contracts catch what they are there for, and the environment is read at entry points only."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_PACKAGE = _ROOT / "include" / "retrainer"
_ENTRY_POINTS = ("airflow", "cli", "serving", "stack", "demo", "steps", "runtimes")
"""Packages that start with a process and may hand its environment on; config/runtime.py is where it is understood."""


def _lint(include: Path) -> subprocess.CompletedProcess[str]:
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(include)!r}); {program}"]
    return subprocess.run(command, cwd=include.parent, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the sources and of the contracts: its include folder."""
    shutil.copytree(_ROOT / "include", tmp_path / "include", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(_ROOT / "pyproject.toml", tmp_path)
    return tmp_path / "include"


def test_the_sources_keep_every_contract(copy: Path) -> None:
    run = _lint(copy)

    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 broken" in run.stdout


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("contracts/base.py", "import retrainer.config.near_miss", "Layers"),
        ("features/columns.py", "import retrainer.training", "Layers"),
        ("steps/catalog.py", "import retrainer.cli.main", "Layers"),
        ("cli/main.py", "import retrainer.airflow", "Layers"),
        ("new_package/__init__.py", "", "Layers"),
        ("airflow/assets.py", "def late():\n    import retrainer.features.build", "reach no ML library"),
        ("config/near_miss.py", "def late():\n    import pandas", "reach no ML library"),
        ("training/split.py", "import mlflow.sklearn", "MLflow in registry only"),
        ("sources/table.py", "import great_expectations", "Great Expectations in validation only"),
        ("features/columns.py", "from sqlalchemy import text", "SQLAlchemy in sources and ledger only"),
        ("steps/catalog.py", "import airflow.sdk", "Airflow in retrainer.airflow only"),
        ("evaluation/metric.py", "import evidently", "Evidently in one module of monitoring only"),
        ("steps/catalog.py", "import models.flight_delay", "The software knows no model"),
    ],
)
def test_an_import_that_the_design_forbids_breaks_its_contract(copy: Path, file: str, line: str, contract: str) -> None:
    path = copy / "retrainer" / file
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as text:
        text.write(f"\n{line}\n")

    run = _lint(copy)

    output = " ".join(run.stdout.split())
    assert run.returncode == 1, run.stdout + run.stderr
    broken = [found.strip() for found in output.partition("Broken contracts")[2].split("-" * 10)]
    assert any(contract in found for found in broken), run.stdout


def test_only_entry_points_and_the_settings_read_the_environment() -> None:
    readers = []
    files = sorted(_PACKAGE.rglob("*.py"))
    assert len(files) > 50
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        reads = any(
            isinstance(node, ast.Attribute)
            and node.attr in ("environ", "environb", "getenv")
            and isinstance(node.value, ast.Name)
            and node.value.id == "os"
            for node in ast.walk(tree)
        )
        if reads and path.relative_to(_PACKAGE).parts[0] not in _ENTRY_POINTS:
            readers.append(str(path.relative_to(_PACKAGE)))

    assert readers == []
