"""`retrainer serve`: the model server."""

import os
import sys

import click

from retrainer.runtimes.environment import step_environment


@click.command("serve")
@click.option("--host", help="Address to listen on. Default: the setting serving_host.")
@click.option("--port", type=click.IntRange(0, 65535), help="Default: the setting serving_port. 0: one that is free.")
def serve(host: str | None, port: int | None) -> None:
    """Answer for the models in production, until SIGTERM."""
    given = {"--host": host, "--port": port}
    options = [part for name, value in given.items() if value is not None for part in (name, str(value))]
    # This process becomes the server: an entry point of its own, which imports nothing of the command line's.
    command = [sys.executable, "-m", "retrainer.serving", *options]
    os.execve(sys.executable, command, step_environment(os.environ))  # noqa: S606
