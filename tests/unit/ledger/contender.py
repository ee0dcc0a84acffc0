"""Many that promote at once: `contender.py URL NAME THREADS` says on stdout, as JSON, what became of them."""

import json
import sys
import threading

from retrainer.config.declaration import Deployment
from retrainer.contracts import Decision
from retrainer.deployment import Challenger, plan_release, standing
from retrainer.errors import LedgerConflictError
from retrainer.ledger import Ledger
from tests.unit.ledger.entries import AS_OF, new_entry

RACE = "raced_for"
DECIDED = "decided"
PLACES = 5


def contend(ledger: Ledger, name: str, threads: int) -> dict[str, list]:
    """Every thread tries to get each of the first places, then releases a first model of its own, as deploy does.

    Places won by each thread, and what became of each release.
    """
    barrier, won, actions, failed = threading.Barrier(threads), [], [], []

    def work(number: int) -> None:
        identity = f"{name}/{number}"
        try:
            for place in range(PLACES):
                barrier.wait()
                try:
                    ledger.append(new_entry(f"{identity}/{place}", model=RACE, version=number + 1), after=place)
                    won.append(place + 1)
                except LedgerConflictError:
                    pass
            actions.append(ledger.write(DECIDED, identity, lambda entries: first_model(identity, entries)).action)
        except BaseException as error:
            failed.append(repr(error))
            raise

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return {"won": won, "actions": actions, "failed": failed}


def first_model(identity, entries):
    """The release of a challenger that was compared with the baseline rule: there was no champion."""
    decision = Decision(
        promote=True, reason="better", metric="roc_auc", reference="baseline", rows=1000, blocks=14, confidence=0.9
    )
    version = len(entries) + 1
    plan = plan_release(Challenger(version, AS_OF, decision), standing(entries), deployment=Deployment())
    return new_entry(identity, model=DECIDED, action=plan.action, version=version)


if __name__ == "__main__":
    url, name, threads = sys.argv[1:]
    opened = Ledger.open(url)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    sys.stdout.write(json.dumps(contend(opened, name, int(threads))))
