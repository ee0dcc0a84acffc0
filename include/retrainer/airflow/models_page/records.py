"""Where the page's facts come from: the declarations' file names and the ledger."""

from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from retrainer.airflow.models_page.history import History, history_of
from retrainer.config.load import find_declarations
from retrainer.config.problem import DeclarationError
from retrainer.config.runtime import RuntimeSettings, find_project_root, load_settings
from retrainer.ledger import Ledger


class Records:
    """The models of the project around `folder`. The ledger is opened once, when it is first asked and answers.

    Every method may raise ConfigurationError (a setting is wrong) or LedgerUnavailableError, and blocks meanwhile.
    """

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self._environ = environ
        self._folder = folder
        self._lock = Lock()
        self._opened: tuple[RuntimeSettings, Ledger] | None = None

    def models(self) -> list[str]:
        """Every model that is declared or has an entry, in order of name."""
        settings, ledger = self._open()
        return sorted({*_declared(settings), *ledger.models()})

    def history(self, model: str) -> History:
        """What the ledger says of `model`."""
        settings, ledger = self._open()
        return history_of(model, ledger.entries(model), declared=model in _declared(settings))

    def _open(self) -> tuple[RuntimeSettings, Ledger]:
        with self._lock:
            if self._opened is None:
                settings = load_settings(self._environ, find_project_root(self._folder))
                self._opened = settings, Ledger.open(settings.ledger_url)
            return self._opened


def _declared(settings: RuntimeSettings) -> set[str]:
    """Names of the declarations' files, right or wrong: a mistake in one does not hide its model's past."""
    try:
        return {path.stem for path in find_declarations(settings.models_dir)}
    except DeclarationError:
        return set()
