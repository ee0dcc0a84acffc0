"""`retrainer step-host`: the warm parent from which the process runtime forks steps."""

import logging
import os
from pathlib import Path

import click

from retrainer.config.runtime import find_project_root, load_settings
from retrainer.steps.execute import finish
from retrainer.steps.host import LISTEN_OPTION, StepHost


@click.command("step-host")
@click.option("--socket", "socket_path", type=click.Path(path_type=Path), help="Default: the setting step_host_socket.")
@click.option(LISTEN_OPTION, "listen_fd", type=int, hidden=True)
def step_host(socket_path: Path | None, listen_fd: int | None) -> None:
    """Import the libraries once and fork each step from there, until SIGTERM."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("retrainer").setLevel(logging.INFO)
    settings = load_settings(os.environ, find_project_root(Path.cwd()))
    path = (socket_path or settings.step_host_socket).absolute()
    StepHost(path, settings.project_root / "requirements.lock", listen_fd=listen_fd).serve()
    finish(0)
