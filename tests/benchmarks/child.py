"""Parts of a benchmark in processes of their own: `python bench_x.py MODE HOME ROWS` prints one line of JSON."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

Numbers = dict[str, float]

ROOT = Path(__file__).resolve().parents[2]


def run_child(program: str, mode: str, home: Path, rows: int = 0) -> Numbers:
    """What the mode of the benchmark `program` (its file) prints, run in `home`."""
    command = [sys.executable, "-W", "ignore", program, mode, str(home), str(rows)]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "DO_NOT_TRACK": "1"}
    done = subprocess.run(command, env=environ, cwd=home, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{mode}: {done.stderr[-2000:]}")
    result: Numbers = json.loads(done.stdout.splitlines()[-1])
    return result


def answer(modes: Mapping[str, Callable[[Path, int], Numbers]]) -> None:
    """Be such a process: run the mode that the command line names."""
    mode, where, count = sys.argv[1:]
    sys.stdout.write(json.dumps(modes[mode](Path(where), int(count))) + "\n")


def peak_mb() -> float:
    """Highest resident memory of this process, in MB (10^6 bytes).

    From /proc where there is one: `ru_maxrss` of a child starts at what its parent had.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
