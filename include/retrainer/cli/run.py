"""`retrainer run`: one step in this process, as every runtime runs it."""

import os
import sys
from pathlib import Path

import click

from retrainer.steps.execute import run_process


@click.command("run")
@click.argument("step")
@click.option("--request", required=True, metavar="JSON|@FILE|-", help="The step's request: JSON, a file, or stdin.")
def run(step: str, request: str) -> None:
    """Run one step. Logs go to stderr; the result is the line `retrainer-result: {...}` on stdout.

    Exit status: 0 done, 1 failed and a retry may help, 78 bad configuration or bad data.
    """
    run_process(step, _read(request), environ=os.environ)


def _read(request: str) -> str:
    if request == "-":
        return sys.stdin.buffer.read().decode(errors="backslashreplace")
    if request.startswith("@"):
        try:
            return Path(request[1:]).read_text(encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise click.BadParameter(f"cannot read {request[1:]}: {error.strerror}", param_hint="--request") from error
    return request
