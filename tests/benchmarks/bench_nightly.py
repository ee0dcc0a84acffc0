"""What orchestration costs: one warm nightly run through a real Airflow, against the time inside its steps."""

import os
import re
import socket
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from retrainer.config.load import load_declaration
from retrainer.config.runtime import RuntimeSettings, load_settings
from retrainer.demo.airflow_api import AirflowApi
from retrainer.demo.play import Player
from retrainer.demo.progress import Progress
from retrainer.demo.source import load_example
from retrainer.demo.story import MODEL, TRAIN_DAG, Chapter
from retrainer.stack.local import Stack, running_stack

PROJECT = Path(__file__).parents[2]
_TOOK = re.compile(r"step (\w+) took ([\d.]+) s")
_DAYS = (17, 24, 25, 26)
"""Days of June 2013 that are trained as of; the first one fills the windows and is not counted."""


def measure() -> dict[str, dict[str, object]]:
    """Run the example's nightly training several times; the median of the warm ones."""
    with tempfile.TemporaryDirectory(prefix="retrainer-bench-") as folder:
        settings = _settings(Path(folder))
        with running_stack(settings) as stack:
            load_example(settings)
            walls = _play(settings, stack)
        logs = settings.home / "airflow" / "logs" / f"dag_id={TRAIN_DAG}"
        runs = [(wall, sum(_steps(logs / f"run_id={run_id}"))) for run_id, wall in walls.items()]
    wall, inside = sorted(runs, key=lambda run: run[0] / run[1])[len(runs) // 2]
    return {
        "nightly_overhead_ratio": {
            "value": round(wall / inside, 3),
            "unit": "ratio",
            "target": 1.5,
            "better": "lower",
            "what": f"wall time of one warm training run in Airflow ({wall:.1f} s, scheduling included) over the time "
            f"inside its steps ({inside:.1f} s, loading and saving included); median of {len(runs)} runs",
        }
    }


def _settings(home: Path) -> RuntimeSettings:
    ports = {"RETRAINER_AIRFLOW_PORT": _free_port(), "RETRAINER_MLFLOW_PORT": _free_port()}
    environ = {**os.environ, "RETRAINER_HOME": str(home), **{name: str(port) for name, port in ports.items()}}
    return load_settings(environ, PROJECT)


def _play(settings: RuntimeSettings, stack: Stack) -> dict[str, float]:
    """Wall time, in seconds, of each run but the first, by run id."""
    config = load_declaration(settings.models_dir / f"{MODEL}.yaml")
    story = tuple(Chapter(datetime(2013, 6, day, tzinfo=UTC).date()) for day in _DAYS)
    with (
        AirflowApi(stack.airflow_url, username=stack.username, password=stack.password) as api,
        Progress(Console(stderr=True)) as progress,
    ):
        played = Player(api, progress, config, Path(settings.data_uri)).play(story)
        return {run.run_id: api.wall_seconds(TRAIN_DAG, run.run_id) for run in played.runs[1:]}


def _steps(logs: Path) -> Iterable[float]:
    """Seconds inside each step of a run, as its logs say."""
    for path in logs.rglob("*.log"):
        for _, seconds in _TOOK.findall(path.read_text(encoding="utf-8")):
            yield float(seconds)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
