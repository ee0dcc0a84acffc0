"""The supply's process: `python -m retrainer.serving.supply`, which the server starts and which ends with it."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import BinaryIO, NoReturn, TextIO

from retrainer.config.runtime import RuntimeSettings, find_project_root, load_settings
from retrainer.registry import Tracking, Versions, connect
from retrainer.runtimes.processes import die_with_parent
from retrainer.serving.local_copy import remove_leftovers, serving_folder
from retrainer.serving.supply.copies import Copies
from retrainer.serving.supply.follow import Follower
from retrainer.serving.supply.messages import Refresh, Supplied
from retrainer.serving.supply.outages import Outages
from retrainer.serving.supply.tables import OnlineCopies
from retrainer.serving.supply.trial import Trials


def main() -> None:
    """Follow the ledger until the server ends."""
    die_with_parent(os.getppid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, whose end this process sees
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("retrainer").setLevel(logging.INFO)
    output = _take_stdout()
    settings = load_settings(os.environ, find_project_root(Path.cwd()))
    trials = Trials()  # before there is a thread
    folder = serving_folder(settings.home)
    remove_leftovers(folder)

    def say(supplied: Supplied) -> None:
        output.write(supplied.to_json() + "\n")
        output.flush()

    outages = Outages()
    tables = OnlineCopies(settings.data_uri, settings.home, outages)
    copies = Copies(folder, _registry(settings), trials, before=tables.copy)
    follower = Follower(settings.ledger_url, folder, copies, say=say, outages=outages)
    tables.follow()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, follower), name="server", daemon=True).start()
    follower.run()


def _take_stdout() -> TextIO:
    """The real stdout; whatever else is printed there, by a library say, goes to stderr from now on."""
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return output


def _registry(settings: RuntimeSettings) -> Callable[[str], Versions]:
    """Gives the versions of a model. A request to MLflow is not tried again at once: the follower does that."""

    @cache
    def tracking() -> Tracking:
        return connect(settings.mlflow_uri, timeout_seconds=settings.mlflow_timeout_seconds, retries=0)

    return lambda model: Versions(tracking(), model)


def _listen(commands: BinaryIO, follower: Follower) -> NoReturn:
    """Hear what the server asks for. When it ends, however it does, so does this process."""
    for line in commands:
        follower.refresh(Refresh.from_json(line).model)
    os._exit(0)


if __name__ == "__main__":
    main()
