"""One real stack for the tests of the loop: free ports, a home and declarations of its own."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from retrainer.config.load import load_declaration
from retrainer.config.runtime import load_settings
from retrainer.demo.progress import Progress
from retrainer.demo.story import FEED_DAG, TRAIN_DAG
from retrainer.stack.local import running_stack
from tests.integration.loop import BROKEN, EXAMPLE, REPOSITORY, Airflow, Loop, misspelt, small_declaration
from tests.ports import stack_ports


@pytest.fixture(scope="module")
def loop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    """A stack of the module's own; a module that wants another declaration gives its changes as the parameter."""
    home = tmp_path_factory.mktemp("loop")
    models = home / "models"
    models.mkdir()
    declaration = models / EXAMPLE.name
    declaration.write_text(
        yaml.safe_dump(small_declaration(getattr(request, "param", None)), sort_keys=False), encoding="utf-8"
    )
    (models / BROKEN).write_text(misspelt(EXAMPLE.read_text(encoding="utf-8")), encoding="utf-8")
    settings = load_settings(_environment(home, models), REPOSITORY)
    progress = Progress(Console(force_terminal=False, width=200))
    with (
        running_stack(settings, report=progress.say) as stack,
        Airflow(stack.airflow_url, username=stack.username, password=stack.password) as airflow,
    ):
        for dag_id in (FEED_DAG, TRAIN_DAG):
            airflow.unpause(dag_id)
        loop = Loop(settings, stack, airflow, load_declaration(declaration), progress)
        yield loop
        for entry in loop.entries():
            progress.say(f"{entry.sequence} {entry.action} v{entry.version} as of {entry.as_of}: {entry.reason}")
    shutil.rmtree(home, ignore_errors=True)


def _environment(home: Path, models: Path) -> dict[str, str]:
    """The models' own code is a copy, which a test may change."""
    code = home / "code"
    shutil.copytree(REPOSITORY / "include" / "models", code / "models", ignore=shutil.ignore_patterns("__pycache__"))
    where = {"RETRAINER_HOME": str(home), "RETRAINER_MODELS_DIR": str(models), "PYTHONPATH": str(code)}
    return dict(os.environ) | stack_ports() | where
