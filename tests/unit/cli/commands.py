"""Calling `retrainer` as a user does: a process of its own, with the settings of a test's world."""

import os
import subprocess
import sys

from tests.worlds import PROJECT, World


def call(world: World, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `retrainer` with `arguments`; `settings` are variables that differ from those of the world."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("RETRAINER_")}
    environ |= world.environ | {"RETRAINER_PROJECT_ROOT": str(PROJECT)} | settings
    command = [sys.executable, "-m", "retrainer.cli.main", *arguments]
    return subprocess.run(command, cwd=world.home, env=environ, capture_output=True, text=True, check=False)
