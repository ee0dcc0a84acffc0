"""A model's own code travels with it and is used for it, so a champion predicts as it did on the day it was trained,
whatever the repository says now.

It is compiled from its source each time: no digest is taken of bytecode, so none is run, and none is left beside it.
"""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

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
    kept, finder = _take_modules(package), _SourceFinder(folder)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        _take_modules(package)
        sys.modules.update(kept)


class _SourceFinder(MetaPathFinder):
    """Finds the packages and modules of one folder, by their source alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 Python's signature
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Where the module is; None where it is not in the folder."""
        place = self._folder.joinpath(*fullname.split("."))
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if file.is_file():
            inside = [str(place)] if place.is_dir() else None
            loader = _SourceLoader(fullname, str(file))
            return spec_from_file_location(fullname, file, loader=loader, submodule_search_locations=inside)
        if not place.is_dir():
            return None
        spec = ModuleSpec(fullname, None, is_package=True)  # a package may do without a file of its own
        spec.submodule_search_locations = [str(place)]
        return spec


class _SourceLoader(SourceFileLoader):
    """Compiles the source, whatever lies in __pycache__."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of the module."""
        file = self.get_filename(fullname)
        code: CodeType = compile(self.get_data(file), file, "exec", dont_inherit=True)
        return code


def _take_modules(package: str) -> dict[str, ModuleType]:
    """Take a package and all below it out of the imported modules."""
    names = [name for name in sys.modules if name.partition(".")[0] == package]
    return {name: sys.modules.pop(name) for name in names}
