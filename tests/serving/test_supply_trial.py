"""A version is tried out in a process that may die: whatever it does there, the supply lives on and says why."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from retrainer.registry import DIGEST, RUNTIME, Version
from retrainer.runtimes.environment import step_environment
from retrainer.serving.local_copy import seal
from retrainer.serving.supply.describe import write_copy
from retrainer.steps.libraries import LOAD_ENVIRONMENT
from tests.serving.served import FEATURES, RULE, after, first

PROGRAM = Path(__file__).with_name("try_out.py")


@pytest.fixture(scope="module")
def copy(trained_model, tmp_path_factory):
    """An intact local copy, whose rule does without the features."""
    trained, folder = trained_model.trained, tmp_path_factory.mktemp("trial") / "v1"
    with trained_model.files() as files:
        version = Version("flights", 1, "", "", {DIGEST: trained.artifact_digest, RUNTIME: "onnx"})
        write_copy(files, folder, version)
    first(folder, "return np.full(len(columns['carrier']), 0.5)", file=RULE)
    seal(folder)
    return folder


def changed(copy, folder, *lines, file=FEATURES):
    """A copy whose module begins with `lines`, as if it had been registered so."""
    shutil.copytree(copy, folder)
    first(folder, *lines, file=file)
    seal(folder)
    return folder


def verdicts(*folders, seconds=30.0):
    """What is wrong with the rule and the model of copies in the eyes of one supply."""
    environ = step_environment({**os.environ, **LOAD_ENVIRONMENT, "PYTHONPATH": str(PROGRAM.parents[2])})
    command = [sys.executable, str(PROGRAM), str(seconds), *map(str, folders)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=200)
    threads, *found = json.loads(done.stdout)
    assert threads == 1  # a fork would lose the others
    return found


def test_whatever_a_version_does_is_told_and_the_next_one_is_tried(copy, tmp_path):
    cases = {
        "trying its model out ended the process: SIGSEGV": (
            "import os, signal",
            "os.kill(os.getpid(), signal.SIGSEGV)",
        ),
        "trying its model out ended the process: exit status 3": ("import os", "os._exit(3)"),
        "its model cannot be used: ValueError: out of range": ('raise ValueError("out of range")',),
        "models.flight_delay.features.row_features must return a dict": ("return 7",),
    }
    folders = [changed(copy, tmp_path / str(place), *lines) for place, lines in enumerate(cases.values())]
    *found, intact = verdicts(*folders, copy)
    assert intact == ["", ""]
    assert [rule for rule, _ in found] == [""] * len(cases)
    assert [expected in model for expected, (_, model) in zip(cases, found, strict=True)] == [True] * len(cases), found
    assert "own_code" not in str(found)


def test_a_version_that_does_not_come_to_an_end_is_ended(copy, tmp_path):
    endless = changed(copy, tmp_path / "endless", "while True:", "    pass")
    assert verdicts(endless, copy, seconds=5) == [["", "trying its model out took longer than 5 s"], ["", ""]]


def test_a_copy_with_other_answers_or_other_bytes_does_not_pass(copy, tmp_path):
    other, torn = tmp_path / "other", tmp_path / "torn"
    for folder in (other, torn):
        shutil.copytree(copy, folder)
    after(other, '"weather__temp": -columns["weather__temp"],')
    seal(other)
    (torn / "model.onnx").write_bytes(b"")
    (_, answers), (rule, model) = verdicts(other, torn)
    assert "it gives other answers than when it was trained" in answers
    assert "was changed after it was verified: model.onnx" in rule
    assert "was changed after it was verified: model.onnx" in model


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("return np.full(len(columns['carrier']), np.nan)",), "its rule cannot be used"),
        (("import os", "os.abort()"), "trying its rule out ended the process: SIGABRT"),
    ],
)
def test_a_rule_that_gives_no_numbers_does_not_pass(copy, tmp_path, lines, expected):
    ((rule, _),) = verdicts(changed(copy, tmp_path / "rule", *lines, file=RULE))
    assert expected in rule
