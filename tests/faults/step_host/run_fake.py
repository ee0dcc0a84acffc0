"""`retrainer run` with the fake steps."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fake_steps import CATALOG

from retrainer.steps.execute import run_process

if __name__ == "__main__":
    run_process(sys.argv[1], sys.stdin.read(), environ=os.environ, catalog=CATALOG)
