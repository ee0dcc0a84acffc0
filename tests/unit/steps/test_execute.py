"""The frame round a step: what it prints, and which exit status it gives."""

import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from retrainer.contracts import STEP_NAMES, Interval, StepRequest
from retrainer.errors import ConfigurationError
from retrainer.runtimes.marker import ERROR_MARKER, REQUEST_MARKER, RESULT_MARKER, parse_marked
from retrainer.steps.catalog import STEPS, load_step
from retrainer.steps.execute import Frame, execute

MODULE = """
import sys
from retrainer.contracts import Contract
from retrainer.errors import BadDataError, ConfigurationError, SourceUnavailableError

class Result(Contract):
    seed: int

def done(request, settings):
    return Result(seed=request.seed)

def bad_data(request, settings):
    raise BadDataError("flights: column dep_delay is missing\\nsecond line", hint="Ask upstream.")

def source_down(request, settings):
    raise SourceUnavailableError("connection flights_db did not answer")

def bug(request, settings):
    raise ZeroDivisionError("rows per day")

def leaves(request, settings):
    sys.exit(0)

def interrupted(request, settings):
    raise KeyboardInterrupt

def nothing(request, settings):
    return None
"""


def make_request(**changes) -> StepRequest:
    start, end = datetime(2013, 5, 27, tzinfo=UTC), datetime(2013, 5, 28, tzinfo=UTC)
    fields = {"step": "train", "model": "m", "config": {}, "interval": Interval(start=start, end=end), "as_of": end}
    return StepRequest(**fields | {"seed": 7, "run_id": "r1"} | changes)


class Ran:
    """What a step left: its status, its marked lines and its log."""

    def __init__(self, function: str, text: str, tmp_path: Path, step: str = "train") -> None:
        self.output, self.log = io.StringIO(), io.StringIO()
        frame = Frame({}, tmp_path, self.output, self.log, {"train": f"framed_steps:{function}"})
        self.status = execute(step, text, frame)

    @property
    def error(self) -> dict:
        return parse_marked(ERROR_MARKER, self.output.getvalue().removesuffix("\n"))


@pytest.fixture
def run(tmp_path, monkeypatch):
    (tmp_path / "framed_steps.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield lambda function, text=None, **more: Ran(function, text or make_request().to_json(), tmp_path, **more)
    sys.modules.pop("framed_steps", None)


def test_the_result_is_one_marked_line_and_nothing_else_is_on_stdout(run):
    ran = run("done")
    assert (ran.status, ran.output.getvalue()) == (0, 'retrainer-result: {"seed":7}\n')


def test_the_request_is_the_first_line_of_the_log_and_can_be_run_again(run):
    first = run("bug").log.getvalue().splitlines()[0]
    assert first.startswith(REQUEST_MARKER)
    assert StepRequest.from_json(first.removeprefix(REQUEST_MARKER)) == make_request()


def test_bad_data_gives_status_78_and_its_message_without_a_traceback(run):
    ran = run("bad_data")
    assert ran.status == 78
    assert ran.error == {
        "kind": "BadDataError",
        "message": "flights: column dep_delay is missing\nsecond line\n\nHint: Ask upstream.",
    }
    assert "BadDataError: flights: column dep_delay is missing" in ran.log.getvalue()
    assert "Traceback" not in ran.log.getvalue()


def test_an_error_that_a_retry_may_help_gives_status_1(run):
    ran = run("source_down")
    assert (ran.status, ran.error["kind"]) == (1, "SourceUnavailableError")


def test_a_bug_gives_status_1_and_its_traceback(run):
    ran = run("bug")
    assert (ran.status, ran.error) == (1, {"kind": "ZeroDivisionError", "message": "ZeroDivisionError: rows per day"})
    assert "Traceback" in ran.log.getvalue()
    assert 'raise ZeroDivisionError("rows per day")' in ran.log.getvalue()


@pytest.mark.parametrize("function", ["leaves", "nothing"])
def test_a_step_without_a_result_has_failed(run, function):
    ran = run(function)
    assert ran.status == 1
    assert RESULT_MARKER not in ran.output.getvalue()


def test_an_interrupted_step_has_status_130(run):
    assert run("interrupted").status == 130


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "request: Invalid JSON"),
        ("[]", "request: Input should be an object"),
        ('{"step": "train"}', "model: Field required"),
        (make_request().to_json().replace('"seed":7', '"seed":-1'), "seed: Input should be greater than or equal to 0"),
        (make_request().to_json().replace('"seed":7', '"sede":7'), "sede: Extra inputs are not permitted"),
        (make_request(step="deploy").to_json(), "the request is for the step 'deploy', not for 'train'"),
    ],
    ids=["half", "list", "missing", "out of range", "unknown", "another step"],
)
def test_a_wrong_request_gives_status_78_and_says_what_is_wrong(run, text, said):
    ran = run("done", text)
    assert (ran.status, ran.error["kind"]) == (78, "ConfigurationError")
    assert said in ran.error["message"]
    assert ran.log.getvalue().splitlines()[0].startswith(REQUEST_MARKER)


def test_an_unknown_step_names_the_nearest_one():
    with pytest.raises(ConfigurationError, match="unknown step 'trian'; did you mean 'train'"):
        load_step("trian")


def test_every_step_is_in_the_catalog():
    assert tuple(STEPS) == STEP_NAMES


def test_a_wrong_setting_gives_status_78(run, tmp_path):
    frame = Frame(
        {"RETRAINER_AIRFLOW_PORT": "no"}, tmp_path, io.StringIO(), io.StringIO(), {"train": "framed_steps:done"}
    )
    assert execute("train", make_request().to_json(), frame) == 78
    assert "RETRAINER_AIRFLOW_PORT" in frame.log.getvalue()


def retrainer_run(request: str, tmp_path: Path, stdin: str = "") -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "retrainer.cli.main", "run", "train", "--request", request]
    environ = {**os.environ, "RETRAINER_PROJECT_ROOT": str(tmp_path)}
    return subprocess.run(
        command, check=False, input=stdin, capture_output=True, text=True, timeout=60, env=environ, cwd=tmp_path
    )


@pytest.mark.parametrize("way", ["json", "file", "stdin"])
def test_retrainer_run_takes_the_request_as_json_as_a_file_and_on_stdin(tmp_path, way):
    text = json.dumps({"step": "train", "note": "not valid"})
    (tmp_path / "request.json").write_text(text)
    given = {"json": text, "file": f"@{tmp_path / 'request.json'}", "stdin": "-"}[way]
    ran = retrainer_run(given, tmp_path, stdin=text)
    assert ran.returncode == 78
    assert ran.stderr.splitlines()[0] == 'retrainer-request: {"note":"not valid","step":"train"}'
    assert ran.stdout.startswith(ERROR_MARKER)


def test_retrainer_run_says_which_file_it_cannot_read(tmp_path):
    ran = retrainer_run(f"@{tmp_path / 'none.json'}", tmp_path)
    assert ran.returncode == 2
    assert "none.json: No such file or directory" in ran.stderr
