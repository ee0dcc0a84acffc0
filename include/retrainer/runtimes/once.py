"""A supervisor for one step in a plain process, where there is no step host: `python -m retrainer.runtimes.once FD`.

It ends the step, with all that the step started, when its client ends in any way, and holds it to the same limits.
Imports the standard library only, so that it costs a few hundredths of a second.
"""

import os
import socket
import sys
import tempfile
from typing import NoReturn

from retrainer.runtimes.protocol import Job
from retrainer.runtimes.supervisor import Supervisor


def main() -> None:
    """Serve the client at the other end of the socket that was inherited as descriptor `sys.argv[1]`."""
    supervisor = Supervisor(_become_plain_process)
    supervisor.add_client(socket.socket(fileno=int(sys.argv[1])))
    supervisor.serve()


def _become_plain_process(job: Job) -> NoReturn:
    """The request goes in as stdin: as an argument it might be too long."""
    with tempfile.TemporaryFile() as request:
        request.write(job.request.encode())
        request.seek(0)
        os.dup2(request.fileno(), 0)
    os.execve(job.command[0], [*job.command, job.step, "--request", "-"], job.environment)  # noqa: S606 no shell is meant


if __name__ == "__main__":
    main()
