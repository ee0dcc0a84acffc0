"""How much longer Airflow parses generated DAGs than the same DAGs written down bare."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).parents[2]
MODELS = 100
ROUNDS = 9
TARGET = 1.3

_BARE = """
import pendulum
from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, BaseOperator, CronDataIntervalTimetable, chain
from datetime import timedelta


class Bare(BaseOperator):
    def __init__(self, *, step, declaration, project_root, **kwargs):
        super().__init__(**kwargs)
        self.step, self.declaration, self.project_root = step, declaration, project_root

    def execute(self, context):
        pass


STEPS = {steps!r}
SOURCE = Asset("flights_source.flights")
for number in range({models}):
    with DAG(
        f"model_{{number:03}}__train",
        schedule=AssetOrTimeSchedule(
            timetable=CronDataIntervalTimetable("0 0 * * *", timezone="America/New_York"), assets=[SOURCE]
        ),
        start_date=pendulum.datetime(2013, 1, 1, tz="America/New_York"),
        catchup=False,
        max_active_runs=1,
        tags={{"retrainer", "train"}},
        default_args={{"retries": 2, "retry_delay": timedelta(seconds=10), "execution_timeout": timedelta(minutes=35)}},
    ) as dag:
        chain(*[Bare(task_id=step, step=step, declaration="x.yaml", project_root="/") for step in STEPS])
    globals()[dag.dag_id] = dag
"""

_PARSE = """
import logging, sys, time
logging.disable(logging.CRITICAL)
from airflow.dag_processing.dagbag import DagBag
started = time.perf_counter()
bag = DagBag(sys.argv[1])
seconds = time.perf_counter() - started
assert not bag.import_errors, bag.import_errors
assert len(bag.dags) == int(sys.argv[2]), len(bag.dags)
print("seconds:", seconds)
"""


def measure(scale: float = 1.0) -> dict[str, dict[str, object]]:
    """Parse both files in turn, each in a fresh process; the ratio of the medians.

    `scale` shrinks the number of models and rounds for a quick look.
    """
    models, rounds = max(2, round(MODELS * scale)), max(3, round(ROUNDS * scale))
    with tempfile.TemporaryDirectory(prefix="retrainer-bench-") as folder:
        environment = _prepare(Path(folder), models)
        files = {"generated": PROJECT / "dags" / "train.py", "bare": Path(folder) / "bare.py"}
        for file in files.values():  # byte code, file cache
            _parse_seconds(file, models, environment)
        time.sleep(2.1)  # files that were just written are not relied on
        after_a_change = _parse_seconds(files["generated"], models, environment)
        seconds: dict[str, list[float]] = {name: [] for name in files}
        for _ in range(rounds):
            for name, file in files.items():
                seconds[name].append(_parse_seconds(file, models, environment))
    generated, bare = (statistics.median(seconds[name]) for name in ("generated", "bare"))
    what = (
        f"parse of {models} generated DAGs of unchanged declarations ({generated:.3f} s) over as many bare ones "
        f"({bare:.3f} s); after a change, once, {after_a_change:.3f} s"
    )
    return {
        "dag_parse_ratio": {
            "value": round(generated / bare, 3),
            "unit": "ratio",
            "target": TARGET,
            "better": "lower",
            "what": what,
        }
    }


def _prepare(folder: Path, models: int) -> dict[str, str]:
    """Write the declarations and the bare file; the environment of the parsing processes."""
    from retrainer.contracts import PIPELINE

    declarations = folder / "models"
    declarations.mkdir()
    text = (PROJECT / "config" / "models" / "flight_delay.yaml").read_text(encoding="utf-8")
    for number in range(models):
        name = f"model_{number:03}"
        (declarations / f"{name}.yaml").write_text(
            text.replace("name: flight_delay", f"name: {name}", 1), encoding="utf-8"
        )
    (folder / "bare.py").write_text(_BARE.format(models=models, steps=PIPELINE), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "RETRAINER_"))}
    return kept | {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "RETRAINER_MODELS_DIR": str(declarations),
        "RETRAINER_HOME": str(folder / "home"),
    }


def _parse_seconds(file: Path, models: int, environment: dict[str, str]) -> float:
    command = [sys.executable, "-c", _PARSE, str(file), str(models)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("seconds:")]
    return float(line.split()[1])
