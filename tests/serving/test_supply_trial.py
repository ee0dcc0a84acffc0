"""A version is tried out in a process that may die: whatever it does there, the supply lives on and says why."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from retrainer.registry import DIGEST, RUNTIME, Version, model_files
from retrainer.runtimes.environment import step_environment
from retrainer.serving.local_copy import seal
from retrainer.serving.supply.describe import write_copy
from retrainer.steps.libraries import LOAD_ENVIRONMENT
from tests.serving.served import FEATURES, RULE, after, first

PROGRAM = Path(__file__).with_name("try_out.py")


@pytest.fixture(scope="module")
def copy(trained_model, tmp_path_factory):
    """An intact local copy."""
    trained, folder = trained_model.trained, tmp_path_factory.mktemp("trial") / "v1"
    with model_files(trained.model_uri, digest=trained.artifact_digest) as files:
        version = Version("flights", 1, "", "", {DIGEST: trained.artifact_digest, RUNTIME: "onnx"})
        write_copy(files, folder, version)
    seal(folder)
    return folder


def changed(copy, folder, *lines, file=FEATURES):
    """A copy whose module begins with `lines`, as if it had been registered so."""
    shutil.copytree(copy, folder)
    first(folder, *lines, file=file)
    seal(folder)
    return folder


def problems(*asked, seconds=30.0):
    """What is wrong with copies (folder, subject) in the eyes of one supply."""
    environ = step_environment({**os.environ, **LOAD_ENVIRONMENT, "PYTHONPATH": str(PROGRAM.parents[2])})
    arguments = [f"{folder}={subject}" for folder, subject in asked]
    command = [sys.executable, str(PROGRAM), str(seconds), *arguments]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=200)
    threads, *found = json.loads(done.stdout)
    assert threads == 1  # a fork would lose the others
    return found


def test_an_intact_version_and_its_rule_are_fine(copy):
    assert problems((copy, "rule"), (copy, "model")) == ["", ""]


def test_whatever_a_version_does_is_told_and_the_next_one_is_tried(copy, tmp_path):
    cases = {
        "trying its model out ended the process: SIGSEGV": (
            "import os, signal",
            "os.kill(os.getpid(), signal.SIGSEGV)",
        ),
        "trying its model out ended the process: exit status 3": ("import os", "os._exit(3)"),
        "ValueError: out of range": ('raise ValueError("out of range")',),
        "models.flight_delay.features.row_features must return a dict": ("return 7",),
    }
    folders = [changed(copy, tmp_path / str(place), *lines) for place, lines in enumerate(cases.values())]
    found = problems(*((folder, "model") for folder in folders), (copy, "model"))
    assert [expected in problem for expected, problem in zip(cases, found, strict=False)] == [True] * len(cases), found
    assert "own_code" not in "".join(found)
    assert found[-1] == ""


def test_a_version_that_does_not_come_to_an_end_is_ended(copy, tmp_path):
    endless = changed(copy, tmp_path / "endless", "while True:", "    pass")
    assert problems((endless, "model"), (copy, "rule"), seconds=3) == ["trying its model out took longer than 3 s", ""]


def test_a_copy_with_other_answers_or_other_bytes_does_not_pass(copy, tmp_path):
    shutil.copytree(copy, tmp_path / "other")
    after(tmp_path / "other", '"weather__temp": -columns["weather__temp"],')
    seal(tmp_path / "other")
    torn = tmp_path / "torn"
    shutil.copytree(copy, torn)
    (torn / "model.onnx").write_bytes(b"")
    answers, bytes_changed = problems((tmp_path / "other", "model"), (torn, "model"))
    assert "it gives other answers than when it was trained" in answers
    assert "was changed after it was verified: model.onnx" in bytes_changed


def test_a_rule_that_gives_no_numbers_does_not_pass(copy, tmp_path):
    endless = changed(copy, tmp_path / "rule", "return np.full(len(columns['carrier']), np.nan)", file=RULE)
    (problem,) = problems((endless, "rule"))
    assert "its rule cannot be used" in problem
