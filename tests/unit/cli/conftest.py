"""A story in a ledger and a registry, and the command line on it."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pytest

from retrainer.cli.main import main
from retrainer.contracts import Approval
from tests.released import FIRST, Releases
from tests.worlds import PROJECT, World, small_config

YES = Approval(
    asked=True, approved=True, by="ada", at=datetime(2026, 11, 21, 9, 30, tzinfo=UTC), message="looked at the slices"
)
_NOT_OURS = ("RETRAINER_", "FORCE_COLOR", "TERM", "TTY_")
"""Beginnings of variables that would change what is printed."""


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """v1 in production again after a rollback from v2, which was approved; v3 and v4 rejected, v3 archived.

    v1 went through every step, so it has a report and a card. Before v4 somebody moved an alias by hand.
    """
    home, before = tmp_path_factory.mktemp("story"), Path.cwd()
    os.chdir(home)  # a local MLflow store keeps its artifacts under the working folder
    try:
        world = World(home, small_config())
        releases = Releases(world, world.release(FIRST, world.features(FIRST))["train"])
        releases.deploy(releases.register(), approval=YES)
        releases.deploy(releases.register(promote=False))
        releases.world.versions.set_alias("champion", 1)
        releases.deploy(releases.register(promote=False))
        releases.rollback(reason="complaints\nfrom \x1b[31mthe gate", actor="grace")
        releases.append("archive", 3)
        return releases
    finally:
        os.chdir(before)


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


@pytest.fixture
def retrainer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Call `retrainer` in this process: `retrainer(world, "history", "flight_delay", RETRAINER_MLFLOW_URI="...")`."""

    def call(world: World, *arguments: str, **settings: str) -> Said:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_OURS)}
        environ |= world.environ | {"RETRAINER_PROJECT_ROOT": str(PROJECT)} | settings
        status = 0
        with patch.dict(os.environ, environ, clear=True), monkeypatch.context() as patched:
            patched.setattr(sys, "argv", ["retrainer", *arguments])
            try:
                main()
            except SystemExit as ended:
                status = int(ended.code or 0)
        return Said(status, *capsys.readouterr())

    return call
