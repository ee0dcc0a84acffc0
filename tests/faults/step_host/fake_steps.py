"""Steps for the tests of the process runtime. What they do is in the request's `config`."""

import ctypes
import hashlib
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pydantic import JsonValue

from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import Contract, StepRequest
from retrainer.errors import BadDataError, ConfigurationError, SourceUnavailableError

CATALOG = {"train": "fake_steps:run"}
ERRORS = {"BadDataError": BadDataError, "ConfigurationError": ConfigurationError, "Source": SourceUnavailableError}


class Result(Contract):
    value: JsonValue = None


def run(request: StepRequest, settings: RuntimeSettings) -> Contract:
    config = request.config
    value = globals()[f"act_{config['act']}"](config)
    return Result(value=value)


def act_describe(_config):
    return {
        "pid": os.getpid(),
        "group": os.getpgid(0),
        "session": os.getsid(0),
        "cwd": str(Path.cwd()),
        "environment": dict(os.environ),
        "modules": sorted(name for name in sys.modules if name.startswith("retrainer")),
        "argv": sys.argv,
        "descriptors": sum(1 for _ in Path("/proc/self/fd").iterdir()),
        "zone": time.tzname[0],
    }


def act_write(config):
    """Write text to the descriptors, gate by gate: a gate is a file that the reader of the text makes."""
    for number, text, gate in config["writes"]:
        os.write(number, text.encode())
        wait_for(gate)


def act_fail(config):
    raise ERRORS.get(config["kind"], ValueError)(config["message"])


def act_exit(config):
    os._exit(config["status"])


def act_crash(_config):
    ctypes.string_at(0)


def act_wait(config):
    """Start one child in the group and one that left it for a session of its own, say so, and wait for a file."""
    if config.get("stubborn"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sleep = [sys.executable, "-S", "-c", "import time; time.sleep(300)"]
    pids = [os.getpid(), os.getppid()] + [subprocess.Popen(sleep, start_new_session=new).pid for new in (False, True)]
    Path(config["pids"]).write_text(" ".join(map(str, pids)))
    logging.getLogger("retrainer.fake").info("ready")
    wait_for(config["gate"])


def act_allocate(config):
    """Hold `mb` megabytes, share them with `forks` children, and wait for a file."""
    held = bytearray(config["mb"] * 2**20)
    for start in range(0, len(held), 4096):
        held[start] = 1
    for _ in range(config.get("forks", 0)):
        if os.fork() == 0:
            time.sleep(300)
    time.sleep(config["seconds"])
    return len(held)


def act_spool(config):
    """Leave a file in the folder for temporary files as a step does that is killed, say where, and wait for a file."""
    if config.get("stubborn"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    handle, name = tempfile.mkstemp()
    os.write(handle, b"rows")
    Path(config["spool"]).write_text(name)
    logging.getLogger("retrainer.fake").info("ready")
    wait_for(config["gate"])
    return [name, os.environ["TMPDIR"]]


def act_random(_config):
    import numpy as np

    return [float(np.random.random()), os.urandom(4).hex()]


def act_learn(_config):
    """Train trees (OpenMP) and a linear model (BLAS); the digests of what they predict."""
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    x = np.random.default_rng(0).normal(size=(20_000, 12))
    y = (x[:, 0] + x[:, 1] * x[:, 2] + np.random.default_rng(1).normal(size=len(x)) > 0).astype(int)
    models = (HistGradientBoostingClassifier(max_iter=20, random_state=0), LogisticRegression())
    return [hashlib.sha256(model.fit(x, y).predict_proba(x).tobytes()).hexdigest() for model in models]


def wait_for(gate):
    deadline = time.monotonic() + 60
    while gate and not Path(gate).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody made {gate}")
        time.sleep(0.01)
