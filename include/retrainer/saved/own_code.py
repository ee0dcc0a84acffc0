"""A model's own code travels with it and is used for it, so a champion predicts as it did on the day it was trained,
whatever the repository says now."""

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

CODE = "code"

_IMPORTING = threading.Lock()
"""Which code a package's name stands for is known to the whole process: one model is loaded at a time."""


@contextmanager
def own_code(folder: Path, module: str) -> Iterator[None]:
    """For the time being `module` and all beside it are imported from what was saved with the model in `folder`."""
    with _IMPORTING, _imported_from(folder / CODE, module.partition(".")[0]):
        yield


@contextmanager
def _imported_from(folder: Path, package: str) -> Iterator[None]:
    """Import `package` from `folder` for the time being, if it is there; afterwards the repository's one again.

    Functions that were loaded keep the code they were loaded from.
    """
    if not (folder / package).is_dir():
        yield
        return
    kept = _take_modules(package)
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        _take_modules(package)
        sys.modules.update(kept)


def _take_modules(package: str) -> dict[str, ModuleType]:
    """Take a package and all below it out of the imported modules."""
    names = [name for name in sys.modules if name.partition(".")[0] == package]
    return {name: sys.modules.pop(name) for name in names}
