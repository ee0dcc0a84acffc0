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
from retrainer.demo.story import FEED_DAG, MODEL, TRAIN_DAG, Chapter
from retrainer.stack.local import Stack, running_stack

PROJECT = Path(__file__).parents[2]
_TOOK = re.compile(r"step (\w+) took ([\d.]+) s")
_DAYS = (17, 24)


def measure(scale: float = 1.0) -> dict[str, dict[str, object]]:
    """Run the example's nightly training twice (the second one is warm) and compare its wall time with its steps'."""
    del scale  # a nightly run has one size: the example's
    with tempfile.TemporaryDirectory(prefix="retrainer-bench-") as folder:
        settings = _settings(Path(folder))
        with running_stack(settings) as stack:
            load_example(settings)
            wall = _play(settings, stack)
        inside = sum(_steps(settings.home / "airflow" / "logs" / f"dag_id={TRAIN_DAG}"))
    return {
        "nightly_overhead_ratio": {
            "value": round(wall / inside, 3),
            "unit": "ratio",
            "target": 1.5,
            "better": "lower",
            "what": f"wall time of one warm training run in Airflow ({wall:.1f} s, scheduling included) over the time "
            f"inside its steps ({inside:.1f} s, loading and saving included)",
        }
    }


def _settings(home: Path) -> RuntimeSettings:
    ports = {"RETRAINER_AIRFLOW_PORT": _free_port(), "RETRAINER_MLFLOW_PORT": _free_port()}
    environ = {**os.environ, "RETRAINER_HOME": str(home), **{name: str(port) for name, port in ports.items()}}
    return load_settings(environ, PROJECT)


def _play(settings: RuntimeSettings, stack: Stack) -> float:
    """Wall time, in seconds, of the last of the runs."""
    config = load_declaration(settings.models_dir / f"{MODEL}.yaml")
    story = tuple(Chapter(datetime(2013, 6, day, tzinfo=UTC).date()) for day in _DAYS)
    with (
        AirflowApi(stack.airflow_url, username=stack.username, password=stack.password) as api,
        Progress(Console(stderr=True)) as progress,
    ):
        played = Player(api, progress, config, Path(settings.data_uri)).play(story)
        return api.wall_seconds(TRAIN_DAG, played.runs[-1].run_id)


def _steps(logs: Path) -> Iterable[float]:
    """Seconds inside each step of the newest run, as its log says."""
    newest = max(path for path in logs.iterdir() if "backfill" in path.name)
    for path in newest.rglob("*.log"):
        for _, seconds in _TOOK.findall(path.read_text(encoding="utf-8")):
            yield float(seconds)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
