"""Where the page's facts come from: the ledger."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock

from retrainer.airflow.models_page.history import History, history_of
from retrainer.config.runtime import find_project_root, load_settings
from retrainer.ledger import Ledger


class Records:
    """The ledger of the project around `folder`. It is opened once, when it is first asked and answers.

    Every method may raise ConfigurationError (a setting is wrong) or LedgerUnavailableError, and blocks meanwhile.
    """

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self._environ = environ
        self._folder = folder
        self._lock = Lock()
        self._ledger: Ledger | None = None

    def models(self, with_dags: Iterable[str]) -> list[str]:
        """Every model that has DAGs or an entry, in order of name."""
        return sorted({*with_dags, *self._open().models()})

    def history(self, model: str, *, has_dags: bool) -> History:
        """What the ledger says of `model`."""
        return history_of(model, self._open().entries(model), has_dags=has_dags)

    def _open(self) -> Ledger:
        with self._lock:
            if self._ledger is None:
                settings = load_settings(self._environ, find_project_root(self._folder))
                self._ledger = Ledger.open(settings.ledger_url)
            return self._ledger
