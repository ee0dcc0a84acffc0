"""Runs one step and kills its own process before or after a function is called: `kill_at.py "after m:f" STEP`."""

import functools
import importlib
import os
import signal
import sys
from pathlib import Path

from retrainer.config.runtime import load_settings
from retrainer.contracts import StepRequest
from retrainer.steps.catalog import load_step


def arm(at: str) -> None:
    when, _, target = at.partition(" ")
    module_name, _, path = target.partition(":")
    owner = importlib.import_module(module_name)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    original = getattr(owner, name)

    @functools.wraps(original)
    def deadly(*args: object, **kwargs: object) -> object:
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)


def main() -> None:
    at, step = sys.argv[1:]
    request = StepRequest.from_json(sys.stdin.read())
    function = load_step(step)
    if at:
        arm(at)
    function(request, load_settings(os.environ, Path(__file__).parents[2]))


if __name__ == "__main__":
    main()
