"""`retrainer up` and `retrainer down`: the local stack for daily use."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType

import click
from rich.console import Console

from retrainer.config.runtime import RuntimeSettings, find_project_root, load_settings
from retrainer.stack.local import Stack, StackRunningError, StartedStack, stop_stack

_EXIT_TERMINATED = 143


@click.command()
@click.option("--detach", is_flag=True, help="Return when everything is ready; `retrainer down` stops it.")
def up(*, detach: bool) -> None:
    """Start Airflow, MLflow, the model server and the step host on this machine, on 127.0.0.1 only."""
    console = Console(highlight=False, soft_wrap=True)
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGHUP, _terminate)
    try:
        started = StartedStack(_settings())
    except StackRunningError as error:
        console.print(str(error))
        return
    keep = False
    try:
        console.print("Starting the local stack ...")
        started.wait_ready(report=console.print)
        _print_addresses(console, started.stack)
        if detach:
            started.detach()
            keep = True
        else:
            console.print("Ctrl-C stops it.")
            started.wait(report=console.print)
            console.print("The stack was stopped from elsewhere.")
    except KeyboardInterrupt:
        console.print("\nStopping ...")
    finally:
        if not keep:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the stop takes seconds, and goes on in any case
            started.stop()


@click.command()
def down() -> None:
    """Stop what `retrainer up` started, and wait until all of it is gone."""
    settings = _settings()
    stopped = stop_stack(settings)
    click.echo("Stopped." if stopped else f"Nothing is running in {settings.home}.")


def _settings() -> RuntimeSettings:
    return load_settings(os.environ, find_project_root(Path.cwd()))


def _print_addresses(console: Console, stack: Stack) -> None:
    console.print(f"Airflow   {stack.airflow_url}   user {stack.username}, password in {stack.password_file}")
    console.print(f"MLflow    {stack.mlflow_url}")
    if stack.server_url != "none":
        console.print(f"Models    {stack.server_url}/docs")
    console.print(f"Logs      {stack.logs}")


def _terminate(_number: int, _frame: FrameType | None) -> None:
    sys.exit(_EXIT_TERMINATED)
