"""Online tables from the data of the models to the home of the server."""

import logging
import threading
import time
from pathlib import Path

from retrainer.online import online_folder, online_uri
from retrainer.online.publish import copy_newest
from retrainer.serving.local_copy import ASSIGNMENT_FILE, serving_folder
from retrainer.serving.supply.outages import Outages

log = logging.getLogger(__name__)

_POLL_SECONDS = 2.0


class OnlineCopies:
    """Copies what the pipeline has published at `data_uri` to the server whose home is `home`."""

    def __init__(self, data_uri: str, home: Path, outages: Outages) -> None:
        self._data_uri = data_uri
        self._home = home
        self._outages = outages

    def copy(self, model: str) -> None:
        """Bring the newest tables of a model. Where that is not possible, the server goes on with those that it has."""
        try:
            copied = copy_newest(online_uri(self._data_uri, model), online_folder(self._home, model))
        except Exception as error:  # noqa: BLE001 each file system has errors of its own
            self._outages.begin("the store of online tables", error)
            return
        self._outages.end("the store of online tables")
        if copied:
            log.info("%s: %d online tables are new", model, copied)

    def follow(self) -> None:
        """From now on bring newer tables of every model that is served, in a thread that ends with this process."""
        threading.Thread(target=self._work, name="online-tables", daemon=True).start()

    def _work(self) -> None:
        while True:
            for file in sorted(serving_folder(self._home).glob(f"*/{ASSIGNMENT_FILE}")):
                self.copy(file.parent.name)
            time.sleep(_POLL_SECONDS)
