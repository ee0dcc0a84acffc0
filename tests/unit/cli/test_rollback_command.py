"""`retrainer rollback` as a user calls it: real versions, a real ledger, steps forked from a real step host."""

import getpass
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest

from retrainer.registry import DIGEST
from retrainer.saved import digest_files
from tests.released import Releases, as_of
from tests.unit.cli.commands import call
from tests.worlds import PROJECT


@dataclass(frozen=True, slots=True)
class Host:
    """A step host that runs."""

    socket_path: Path
    pid: int

    def seconds_of_steps(self) -> float:
        """Processor time of the steps that have ended."""
        times = psutil.Process(self.pid).cpu_times()
        return times.children_user + times.children_system


@pytest.fixture(scope="module")
def step_host() -> Iterator[Host]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RETRAINER_")}
    environ["RETRAINER_PROJECT_ROOT"] = str(PROJECT)
    with tempfile.TemporaryDirectory(prefix="rt-") as folder:  # a short path, as that of a socket has to be
        path = Path(folder, "run", "h.sock")
        command = [sys.executable, "-m", "retrainer.cli.main", "step-host", "--socket", str(path)]
        process = subprocess.Popen(command, env=environ, cwd=folder, stderr=subprocess.PIPE, text=True)
        try:
            for line in process.stderr:
                if "listening on" in line:
                    break
            yield Host(path, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=30)


@pytest.fixture
def roll_back(releases: Releases, step_host: Host) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call `retrainer rollback` for the model of the test."""

    def run(*options: str, reason: str = "complaints", **settings: str) -> subprocess.CompletedProcess[str]:
        command = ("rollback", releases.model, *options, "--reason", reason)
        return call(releases.world, *command, **({"RETRAINER_STEP_HOST_SOCKET": str(step_host.socket_path)} | settings))

    return run


def state(releases: Releases) -> tuple[list[tuple[str, int]], dict[str, int]]:
    return releases.actions(), releases.aliases()


def register_changed(releases: Releases, change: Callable[[Path], None], *, is_known: bool = True) -> int:
    """A version of its own files, which `change` has changed; `is_known`: before their digest was taken."""
    folder = releases.world.home / f"{releases.model}-files"
    with releases.files() as kept:
        shutil.copytree(kept, folder)
    if is_known:
        change(folder)
    tags = {DIGEST: digest_files(folder), "retrainer.as_of": as_of(9).isoformat()}
    version = releases.world.versions.register(
        source=folder.as_uri(), run_id=releases.trained.run_id, identity="changed", tags=tags, description=""
    )
    if not is_known:
        change(folder)
    return version.version


def a_byte(folder: Path) -> None:
    file = folder / "model.skops"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def a_recorded_output(folder: Path) -> None:
    file = folder / "extra_files" / "sample_outputs.npy"
    np.save(file, np.load(file) + 1e-9)


def a_canonical_input(folder: Path) -> None:
    file = folder / "extra_files" / "retrainer.json"
    facts = json.loads(file.read_text())
    facts["canonical"] = [{"name": "a warm day", "input": {"weather__temp": 20.0}, "max": 0.0}]
    file.write_text(json.dumps(facts))


def test_the_version_before_is_in_production_and_the_ledger_says_who_and_why(releases, roll_back):
    releases.promote(3)
    done = roll_back(reason="complaints from the gate")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"{releases.model}: v2 is in production now, it was v3 (entry 4).",
        "No run promotes v3 again. The next rollback would go to v1.",
    ]
    assert releases.aliases() == {"champion": 2, "previous": 1}
    entry = releases.world.ledger.entries(releases.model)[-1]
    assert (entry.action, entry.actor, entry.reason) == ("rollback", getpass.getuser(), "complaints from the gate")


def test_it_is_less_than_five_seconds_of_work(releases, roll_back, step_host):
    """Processor time of the command and of the step: what it takes where nothing else keeps the machine busy."""
    releases.promote(2)
    steps, command = step_host.seconds_of_steps(), resource.getrusage(resource.RUSAGE_CHILDREN)
    assert roll_back().returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    of_command = after.ru_utime + after.ru_stime - command.ru_utime - command.ru_stime
    of_step = step_host.seconds_of_steps() - steps
    assert of_step > 0.1  # else it was not the host's
    assert of_command + of_step < 5


def test_twice_goes_back_two_versions_and_a_number_goes_forward_again(releases, roll_back):
    releases.promote(3)
    roll_back()
    assert roll_back().stdout.splitlines() == [
        f"{releases.model}: v1 is in production now, it was v2 (entry 5).",
        "No run promotes v2 again. No version is left to roll back to.",
    ]
    assert releases.aliases() == {"champion": 1}
    assert roll_back("--to", "v3").stdout.splitlines() == [
        f"{releases.model}: v3 is in production now, it was v1 (entry 6).",
        "The next rollback would go to v1.",
    ]
    assert releases.aliases() == {"champion": 3, "previous": 1}


def test_without_a_step_host_it_works_too(releases, roll_back, tmp_path):
    releases.promote(2)
    done = roll_back("--to", "previous", RETRAINER_STEP_HOST_SOCKET=str(tmp_path / "none.sock"))
    assert (done.returncode, done.stderr) == (0, "")
    assert releases.aliases() == {"champion": 1}


def test_verbose_shows_what_was_checked(releases, roll_back):
    releases.promote(2)
    done = roll_back("--verbose")
    assert f"{releases.model} v1 is intact; 200 sample rows and 0 canonical inputs give what they did" in done.stderr
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("to", "problem"),
    [
        ("9", "there is no v9 in the MLflow registry"),
        ("1", "v1 is archived: its files are deleted"),
        ("3", "v3 is in production already"),
    ],
    ids=["does not exist", "archived", "in production"],
)
def test_a_version_that_cannot_be_put_in_production_is_refused_and_nothing_moves(releases, roll_back, to, problem):
    releases.promote(3)
    releases.deploy(releases.register(promote=False))
    releases.append("archive", 1)
    before = state(releases)
    done = roll_back("--to", to)
    assert (done.returncode, done.stdout) == (78, "")
    assert (
        done.stderr
        == f"Error: rollback: {releases.model} was not rolled back: {problem}. Would do: v2 (previous), v4\n"
    )
    assert state(releases) == before


@pytest.mark.parametrize(
    ("change", "is_known", "problem"),
    [
        (a_byte, False, "was changed after it was registered: digest "),
        (a_recorded_output, True, "loaded afresh, does not predict what it did when it was trained. "),
        (a_canonical_input, True, "does not pass its canonical inputs: 'a warm day' "),
    ],
    ids=["tampered with", "other outputs", "canonical inputs"],
)
def test_a_version_that_does_not_check_out_is_refused_and_nothing_moves(releases, roll_back, change, is_known, problem):
    releases.promote(2)
    changed = register_changed(releases, change, is_known=is_known)
    before = state(releases)
    done = roll_back("--to", str(changed))
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.startswith(f"Error: rollback: {releases.model} was not rolled back: ")
    assert problem in done.stderr
    assert ". Would do: v1 (previous)\n" in done.stderr
    assert state(releases) == before


def test_without_a_previous_version_it_is_refused(releases, roll_back):
    releases.promote()
    done = roll_back()
    assert done.returncode == 78
    assert done.stderr.startswith(
        f"Error: rollback: {releases.model} was not rolled back: there is no previous version"
    )
    assert done.stderr.endswith(". No other version would do\n")


def test_with_mlflow_down_nothing_moves_and_it_may_be_tried_again(releases, roll_back):
    releases.promote(2)
    before = state(releases)
    done = roll_back(RETRAINER_MLFLOW_URI="http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: rollback: MLflow failed while reading the tags of ")
    assert state(releases) == before


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("  ", "a rollback needs reason: a text of 1 to 2000 characters, got '  '"),
        ("x" * 2001, "reason of a rollback must have at most 2000 characters, got 2001"),
    ],
    ids=["blank", "too long"],
)
def test_a_reason_that_says_nothing_or_too_much_is_refused(releases, roll_back, reason, message):
    releases.promote(2)
    done = roll_back(reason=reason)
    assert (done.returncode, done.stderr) == (78, f"Error: rollback: {message}\n")
    assert releases.aliases() == {"champion": 2, "previous": 1}


def test_without_a_reason_it_is_refused(releases, retrainer):
    releases.promote(2)
    said = retrainer(releases.world, "rollback", releases.model)
    assert (said.status, said.out) == (2, "")
    assert "Error: Missing option '--reason'." in said.err
    assert releases.aliases() == {"champion": 2, "previous": 1}


@pytest.mark.parametrize("to", ["latest", "0", "-1", "1.5", ""])
def test_what_is_no_version_number_is_refused(releases, retrainer, to):
    releases.promote(2)
    said = retrainer(releases.world, "rollback", releases.model, "--to", to, "--reason", "complaints")
    assert (said.status, said.out) == (78, "")
    assert said.err == f"Error: a version is a number such as 7 or v7, got {to!r}\n"
