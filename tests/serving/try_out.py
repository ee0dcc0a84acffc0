"""Tries copies out in processes that may die, as the supply does: `python try_out.py SECONDS FOLDER ...`."""

import json
import sys
from pathlib import Path

from retrainer.runtimes.processes import thread_names
from retrainer.serving.supply.trial import Trials

if __name__ == "__main__":
    before = len(thread_names())
    trials = Trials(seconds=float(sys.argv[1]))
    verdicts = [trials.verdict(Path(folder)) for folder in sys.argv[2:]]
    sys.stdout.write(json.dumps([before, *([verdict.rule, verdict.model] for verdict in verdicts)]))
