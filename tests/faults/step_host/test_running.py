"""Steps in real processes, forked from a step host or plain: input, output, exit status."""

import signal
import sys
from pathlib import Path

import pytest

from retrainer.contracts import StepRequest
from retrainer.errors import BadDataError, ConfigurationError, StepFailedError
from tests.faults.step_host.world import make_request

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the step host needs Linux")


def test_a_step_has_its_own_session_and_the_environment_and_folder_of_its_client(runner):
    outcome = runner.runtime(ONLY_HERE="1", TZ="America/New_York").run(
        make_request(act="describe"), runner.lines.append
    )
    seen = outcome.require_result("train")["value"]
    assert seen["pid"] == seen["group"] == seen["session"]
    assert seen["cwd"] == str(Path.cwd())
    assert seen["environment"]["ONLY_HERE"] == "1"
    assert seen["environment"]["GX_ANALYTICS_ENABLED"] == "false"
    assert "ONLY_IN_HOST" not in seen["environment"]
    assert seen["zone"] == "EST"


def test_a_step_imports_the_code_of_the_project_afresh_and_inherits_no_open_files(runner):
    seen = runner.run(act="describe").require_result("train")["value"]
    assert "retrainer.steps.execute" in seen["modules"]
    assert "retrainer.steps.host" not in seen["modules"]
    assert "retrainer.runtimes.supervisor" not in seen["modules"]
    assert seen["descriptors"] <= 5  # three streams, the real stdout, and the folder that is being listed


def test_the_first_line_is_the_request(runner):
    runner.run(act="describe")
    first = runner.lines[0]
    assert StepRequest.from_json(first.removeprefix("retrainer-request: ")) == make_request(act="describe")


def test_a_request_may_be_larger_than_an_argument(runner):
    outcome = runner.run(act="write", writes=[], ballast="x" * 3_000_000)
    assert outcome.exit_status == 0


@pytest.mark.parametrize("descriptor", [1, 2])
def test_output_arrives_while_the_step_runs(runner, descriptor):
    gates = [runner.folder / f"gate{number}" for number in range(2)]
    writes = [[descriptor, f"line {number}\n", str(gate)] for number, gate in enumerate(gates)]
    seen = []

    def open_gate(line: str) -> None:
        if line.startswith("line"):
            seen.append(line)
            gates[int(line[-1])].touch()

    outcome = runner.runtime().run(make_request(act="write", writes=writes), open_gate)
    assert outcome.is_done
    assert seen == ["line 0", "line 1"]


def test_what_a_step_prints_is_log_even_if_it_looks_like_a_result(runner):
    writes = [
        [2, "10 %\r50 %\r100 %\n", ""],
        [1, 'retrainer-result: {"forged": 1}\n', ""],
        [2, 'retrainer-result: {"forged": 2}\n', ""],
        [1, "half", ""],
    ]
    outcome = runner.run(act="write", writes=writes)
    assert outcome.result == {"value": None}
    assert 'retrainer-result: {"forged": 1}' in runner.lines
    assert 'retrainer-result: {"forged": 2}' in runner.lines
    assert any(line.startswith("half") for line in runner.lines)
    assert "100 %" in runner.lines


@pytest.mark.parametrize(
    ("config", "status", "error", "message"),
    [
        ({"act": "fail", "kind": "BadDataError", "message": "a\nb"}, 78, BadDataError, "train: a"),
        ({"act": "fail", "kind": "ConfigurationError", "message": "a"}, 78, ConfigurationError, "train: a"),
        ({"act": "fail", "kind": "Source", "message": "a\nb"}, 1, StepFailedError, "train: a"),
        ({"act": "fail", "kind": "Bug", "message": "a"}, 1, StepFailedError, "train: ValueError: a"),
        ({"act": "exit", "status": 0}, 0, StepFailedError, "train: exit status 0 but no result line"),
        ({"act": "exit", "status": 3}, 3, StepFailedError, "train: exit status 3 and no error message; see its log"),
        ({"act": "crash"}, -signal.SIGSEGV, StepFailedError, "train: killed by SIGSEGV"),
    ],
    ids=["bad data", "configuration", "source", "bug", "silent", "status", "crash"],
)
def test_the_exit_status_and_the_error_are_those_of_the_step(runner, config, status, error, message):
    outcome = runner.run(**config)
    assert outcome.exit_status == status
    with pytest.raises(error) as raised:
        outcome.require_result("train")
    assert str(raised.value) == message


def test_a_crash_shows_where_it_happened(runner):
    runner.run(act="crash")
    assert any("act_crash" in line for line in runner.lines)
