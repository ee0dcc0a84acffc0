"""A process that starts a plan of stand-ins and then waits, to be killed: launcher.py PLAN_FILE [--detach]."""

import os
import signal
import sys
from pathlib import Path

from retrainer.stack.launch import Launch
from retrainer.stack.lock import StackLock
from retrainer.stack.plan import Plan


def main() -> None:
    plan = Plan.from_json(Path(sys.argv[1]).read_text())
    lock = StackLock.take(Path(plan.state_file).with_name("lock"))
    if lock is None:
        sys.exit("the lock is taken")
    launch = Launch(plan, lock=lock, environment=os.environ, log_file=Path(sys.argv[1]).with_suffix(".log"))
    lock.close()
    if "--detach" in sys.argv:
        launch.detach()
    else:
        signal.pause()


if __name__ == "__main__":
    main()
