"""A client in a process of its own, to be killed: REQUEST-FILE SOCKET-OR-EMPTY. Prints the output of the step."""

import os
import sys
from pathlib import Path

from retrainer.contracts import StepRequest
from retrainer.runtimes.limits import Limits
from retrainer.runtimes.process import ProcessRuntime


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    request, socket_path = sys.argv[1:]
    runtime = ProcessRuntime(
        environment=os.environ,
        socket_path=Path(socket_path) if socket_path else None,
        limits=Limits(grace_seconds=0.5),
        command=(sys.executable, str(Path(__file__).with_name("run_fake.py"))),
    )
    runtime.run(StepRequest.from_json(Path(request).read_text()), say)
