"""What README and docs/ say is there, and what they call by name is called so."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from retrainer.cli.main import _COMMANDS
from retrainer.config.load import find_declarations

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
GUIDE = ROOT / "docs" / "add-a-model.md"
DOCUMENTS = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def files_in_git() -> list[Path]:
    """Every file that a clone has; outside of git all files of the project's own folders."""
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    folders = ("config", "dags", "docs", "include", "tests")
    return [path for name in folders for path in (ROOT / name).rglob("*") if path.is_file() and path.suffix != ".pyc"]


def links(document: Path) -> list[str]:
    """Targets of links to files."""
    outside_fences = _FENCE.sub("", document.read_text(encoding="utf-8"))
    return [link for link in _LINK.findall(outside_fences) if "://" not in link and not link.startswith("#")]


def blocks(document: Path, language: str) -> list[str]:
    return [text for kind, text in _FENCE.findall(document.read_text(encoding="utf-8")) if kind == language]


def section(title: str) -> str:
    """The text of README under a heading, up to the next one of the same or a higher level."""
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#{{1,2}} |\Z)", README.read_text("utf-8"), re.M | re.S)
    assert found, f"README has no section {title!r}"
    return found[2]


def test_the_documents_have_links() -> None:
    assert len([link for document in DOCUMENTS for link in links(document)]) >= 10


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_link_leads_to_a_file(document: Path) -> None:
    absent = [link for link in links(document) if not (document.parent / link.partition("#")[0]).exists()]

    assert absent == []


def test_readme_names_every_command_and_no_other() -> None:
    named = set(re.findall(r"^\| `retrainer ([\w-]+)", section("Command line"), re.MULTILINE))

    assert named == set(_COMMANDS)


def test_readme_names_every_dag_and_no_other() -> None:
    models = [path.stem for path in find_declarations(ROOT / "config" / "models")]
    kinds = ("train", "score", "monitor", "rollback", "rebuild", "online", "predictions")
    dags = {f"{model}__{kind}" for model in models for kind in kinds}
    dags |= {"maintenance", "sample_feed"}

    named = set(re.findall(r"^\| `(\w+)` \| \[dags/", section("The DAG"), re.MULTILINE))

    assert named == dags


def test_every_make_command_in_the_documents_is_a_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    texts = [block for document in DOCUMENTS for block in blocks(document, "sh")]
    inline = [code for document in DOCUMENTS for code in re.findall(r"`(make [^`]+)`", document.read_text("utf-8"))]
    called = re.findall(r"^make (?:[A-Z]+=\S+ )*([a-z-]+)", "\n".join([*texts, *inline]), re.MULTILINE)

    assert {"demo", "test", "check", "bench", "venv", "clean"} <= set(called)
    assert set(called) <= targets


def test_every_retrainer_command_in_the_documents_is_one() -> None:
    texts = [block for document in DOCUMENTS for block in blocks(document, "sh")]
    called = re.findall(r"^(?:[A-Z_]+=\S+ )*\.venv/bin/retrainer ([\w-]+)", "\n".join(texts), re.MULTILINE)

    assert {"up", "down", "check", "run"} <= set(called)
    assert set(called) <= set(_COMMANDS)


def test_dag_files_are_short() -> None:
    files = sorted((ROOT / "dags").glob("*.py"))

    assert files
    assert [path.name for path in files if len(path.read_text(encoding="utf-8").splitlines()) >= 60] == []


# Put together here, so that this file does not hold what it looks for.
_FORBIDDEN = {
    "the host of a package index": r"(pypi|pythonhosted|anaconda|jfrog|artifactory|devpi)\.(org|io|com|net)",
    "an option that names a package index": r"--(extra-)?index-" + "url",
    "a path of one machine": r"(?<![\w.~-])/(home|root|Users|work)/" + r"[\w.-]+",
}
_NO_TEXT = {".png", ".parquet", ".npy", ".skops", ".zip"}


@pytest.mark.parametrize("pattern", _FORBIDDEN.values(), ids=_FORBIDDEN)
def test_nothing_in_the_project_belongs_to_one_machine(pattern: str) -> None:
    files = [path for path in files_in_git() if path.suffix not in _NO_TEXT]
    assert len(files) > 100
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        if re.search(pattern, line)
    ]

    assert found == []


@pytest.fixture
def guided(tmp_path: Path) -> Path:
    """A project in which somebody has followed the guide: its declaration and modules beside those of the example."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "include" / "models", tmp_path / "include" / "models", ignore=ignored)
    package = tmp_path / "include" / "models" / "arrival_delay"
    package.mkdir()
    names = ("__init__.py", "features.py", "rule.py")
    for name, text in zip(names, blocks(GUIDE, "python"), strict=True):
        (package / name).write_text(text, encoding="utf-8")
    (declaration,) = blocks(GUIDE, "yaml")
    (tmp_path / "config" / "models" / "arrival_delay.yaml").write_text(declaration, encoding="utf-8")
    return tmp_path


def check(project: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "retrainer.cli.main", "check"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RETRAINER_")}
    environment["PYTHONPATH"] = str(project / "include")
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_the_guides_model_passes_the_check_with_the_output_it_shows(guided: Path) -> None:
    checked = check(guided)

    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout in blocks(GUIDE, "text")


def test_the_guides_mistakes_give_the_output_it_shows(guided: Path) -> None:
    path = guided / "config" / "models" / "arrival_delay.yaml"
    text = path.read_text(encoding="utf-8")
    for right, wrong in (
        ("training_days: 30", "trainning_days: 30"),
        ("by: [carrier], value", "by: [carier], value"),
        ("metric: neg_mean_absolute_error", "metric: roc_auc"),
    ):
        assert text.count(right) == 1
        text = text.replace(right, wrong)
    path.write_text(text, encoding="utf-8")

    checked = check(guided)

    assert checked.returncode == 78
    assert checked.stderr in blocks(GUIDE, "text")


def test_the_guides_missing_module_gives_the_output_it_shows(guided: Path) -> None:
    (guided / "include" / "models" / "arrival_delay" / "rule.py").unlink()

    checked = check(guided)

    assert checked.returncode == 78
    assert checked.stderr.partition("\n")[0] + "\n" in blocks(GUIDE, "text")


def test_the_guides_features_and_rule_make_what_its_declaration_names(guided: Path) -> None:
    code = """
import numpy as np
from retrainer.columns import rule_scores, with_row_features
from retrainer.config.load import load_declaration
from pathlib import Path
from models.arrival_delay.features import row_features
from models.arrival_delay.rule import predict
config = load_declaration(Path("config/models/arrival_delay.yaml")).features
given = [*config.inputs, "weather__wind_speed", "weather__precip", "weather__visib", *config.windows]
columns = {name: np.array([1.0]) for name in given}
columns["scheduled_departure"] = np.array(["2013-07-01T10:00"], "datetime64[us]")
made = with_row_features(columns, row_features)
assert not {*config.categorical, *config.numeric} - {*made}, made
assert [made["departure_minute"].tolist(), made["weekday"].tolist()] == [[360.0], [0.0]]
assert rule_scores(predict, columns).tolist() == [-5.0]
"""
    environment = {**os.environ, "PYTHONPATH": str(guided / "include")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=guided, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
