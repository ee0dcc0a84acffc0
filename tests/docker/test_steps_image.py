"""The image of the steps: a request in, a marked line and an exit status out."""

import time

import pytest

from retrainer.contracts import Decision, Registration, StepRequest, TrainedModel
from retrainer.registry import Versions
from retrainer.runtimes.marker import RESULT_MARKER, parse_marked
from retrainer.steps.tracking import connect_tracking
from tests.docker.engine import REVISION, Image, mounts, variables
from tests.released import FIRST
from tests.worlds import World, small_config

pytestmark = [pytest.mark.docker, pytest.mark.timeout(2400)]


def test_a_bad_request_ends_with_78_which_says_that_a_retry_is_useless(steps_image: Image) -> None:
    done = steps_image.run("retrainer", "run", "train", "--request", "-", stdin='{"step": "train"}')
    assert done.returncode == 78
    assert "the request is not valid" in done.stdout


def test_the_version_that_it_registers_says_which_lock_and_commit_made_it(
    steps_image: Image, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a local MLflow store keeps its artifacts under the working folder
    world = World(tmp_path, small_config())
    results = {"build_features": world.features(FIRST)}

    def in_container(request: StepRequest) -> dict[str, object]:
        where = [*mounts(tmp_path), *variables(world.environ), f"--workdir={tmp_path}"]
        done = steps_image.run(
            "retrainer", "run", request.step, "--request", "-", options=where, stdin=request.to_json()
        )
        assert done.returncode == 0, done.stderr
        return parse_marked(RESULT_MARKER, done.stdout.splitlines()[-1])

    trained = results["train"] = TrainedModel.model_validate(in_container(world.request("train", FIRST, results)))
    results["compare"] = Decision.model_validate(in_container(world.request("compare", FIRST, results)))
    registered = Registration.model_validate(in_container(world.request("register", FIRST, results)))

    version = Versions(connect_tracking(world.settings), world.config.name).get(registered.version)
    assert version.run_id == trained.run_id
    assert version.tags["retrainer.lock_digest"] == steps_image.labels["retrainer.lock_digest"]
    assert version.tags["retrainer.commit"] == REVISION


def test_every_step_can_be_imported(steps_image: Image) -> None:
    program = "from retrainer.steps.catalog import STEPS, load_step; print(len([load_step(name) for name in STEPS]))"
    done = steps_image.run("python", "-c", program)
    assert int(done.stdout or 0) > 10, done.stderr


def test_docker_stop_interrupts_a_step(steps_image: Image) -> None:
    program = "print('begun', flush=True); import time; time.sleep(600)"
    with steps_image.running("python", "-c", program) as container:
        deadline = time.monotonic() + 60
        while "begun" not in container.log:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        started = time.monotonic()
        container.stop()
        assert time.monotonic() - started < 8  # after 10 s it would have been killed
        assert "KeyboardInterrupt" in container.log
        assert container.state["ExitCode"] == 130
