"""What a model version says of the environment that made it: in a project with git, and in an image without."""

import hashlib
import subprocess
from pathlib import Path

import pytest

from retrainer.steps.provenance import commit, lock_digest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    folder = tmp_path / "environment"
    folder.mkdir()
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "requirements.lock").write_text("numpy==2.5.5\n")
    return folder


def test_the_lock_that_an_environment_keeps_counts_and_not_the_projects(environment: Path, project: Path) -> None:
    (environment / "requirements.lock").write_text("numpy==2.4.6\n")
    assert lock_digest(project, environment=environment) == hashlib.sha256(b"numpy==2.4.6\n").hexdigest()


def test_without_one_it_is_the_projects_lock(environment: Path, project: Path) -> None:
    assert lock_digest(project, environment=environment) == hashlib.sha256(b"numpy==2.5.5\n").hexdigest()


def test_without_any_lock_there_is_no_digest(environment: Path, tmp_path: Path) -> None:
    assert lock_digest(tmp_path, environment=environment) == ""


def test_this_environment_keeps_no_lock_and_so_has_that_of_the_project() -> None:
    assert lock_digest(ROOT) == hashlib.sha256((ROOT / "requirements.lock").read_bytes()).hexdigest()


def test_an_image_knows_its_commit_from_the_file_revision(project: Path) -> None:
    (project / "revision").write_text("0123456789abcdef0123456789abcdef01234567\n")
    assert commit(project) == "0123456789abcdef0123456789abcdef01234567"


def test_an_image_that_was_built_without_a_revision_knows_no_commit(project: Path) -> None:
    (project / "revision").write_text("\n")
    assert commit(project) == ""


def test_elsewhere_git_says_what_the_commit_is(project: Path) -> None:
    assert commit(project) == ""
    who = ("-c", "user.name=a test", "-c", "user.email=test@example.org")
    for arguments in (("init", "-q"), (*who, "commit", "-q", "--allow-empty", "-m", "first")):
        subprocess.run(["git", "-C", str(project), *arguments], check=True)
    head = subprocess.run(["git", "-C", str(project), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    assert commit(project) == head.stdout.strip()
