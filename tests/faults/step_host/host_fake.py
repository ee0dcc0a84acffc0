"""`retrainer step-host` with the fake steps: SOCKET LOCK LIBRARIES [--listen-fd FD]."""

import logging
import sys
from pathlib import Path

from retrainer.runtimes.protocol import Job
from retrainer.steps.host import StepHost, become_fresh

FOLDER = str(Path(__file__).parent)


def start(job: Job) -> int:
    become_fresh(job)
    sys.path.insert(0, FOLDER)
    from fake_steps import CATALOG

    from retrainer.steps.execute import run_process

    run_process(job.step, job.request, environ=job.environment, catalog=CATALOG)


def main() -> None:
    logging.basicConfig()
    logging.getLogger("retrainer").setLevel(logging.INFO)
    socket_path, lock, libraries, *listen = sys.argv[1:]
    host = StepHost(
        Path(socket_path),
        Path(lock),
        libraries=tuple(name for name in libraries.split(",") if name),
        start=start,
        listen_fd=int(listen[1]) if listen else None,
    )
    host.serve()


if __name__ == "__main__":
    main()
