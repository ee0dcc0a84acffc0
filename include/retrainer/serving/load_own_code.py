"""A model's own modules as they were saved with one version, so that several versions of them run side by side.

Python keeps one module under one name. So the modules of a version are given names of their own, and what they import
from one another is found among them: `from models.taxi.features import ...` in a rule of version 4 means version 4's.
They are compiled from their source each time: bytecode beside it would be run without a look at what was verified.
"""

import builtins
import importlib
import importlib.util
import itertools
import re
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType

from retrainer.errors import ConfigurationError

CODE = "code"
"""Folder, in that of a version, of the packages that were saved with it."""

_numbers = itertools.count(1)
_PREFIX = re.compile(r"\bown_code_\d+\.")


def load_own_code(folder: Path, module: str) -> ModuleType:
    """The module `module` (such as models.taxi.rule) of the version in `folder`, with all that it imports from there.

    It goes when nobody holds it any more. A package that was not saved with the version is the one of this process.

    Raises:
        ConfigurationError: there is no such module, or it does not import.
    """
    try:
        code = _OwnCode(folder / CODE)
        return code.load(module) if code.has(module.partition(".")[0]) else importlib.import_module(module)
    except Exception as error:
        raise ConfigurationError(
            f"module {module!r} saved with the version does not import: {type(error).__name__}: {error}"
        ) from error


def with_plain_names(text: str) -> str:
    """A message about such modules, which calls them as their owner does."""
    return _PREFIX.sub("", text)


class _OwnCode:
    """The packages in one folder, under names that begin with a prefix of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._prefix = f"own_code_{next(_numbers)}."
        self._loading = threading.RLock()
        self._builtins = {**vars(builtins), "__import__": self._import}
        self._modules: dict[str, ModuleType] = {}

    def has(self, name: str) -> bool:
        """Whether a module or package of that name was saved."""
        path = self._path(name)
        return path.is_dir() or path.with_suffix(".py").is_file()

    def load(self, name: str) -> ModuleType:
        """The module `name`, its packages first."""
        with self._loading:
            if name in self._modules:
                return self._modules[name]
            package, _, last = name.rpartition(".")
            parent = self.load(package) if package else None
            module = self._modules[name] = self._made(name)
            # Not for longer: it would never go. While its body runs, a dataclass looks for its own module there.
            sys.modules[module.__name__] = module
            try:
                self._execute(module)
            except BaseException:
                del self._modules[name]
                raise
            finally:
                del sys.modules[module.__name__]
            if parent is not None:
                setattr(parent, last, module)
            return module

    def _made(self, name: str) -> ModuleType:
        """The module, nothing of which has run yet."""
        if not self.has(name):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        path, own_name = self._path(name), self._prefix + name
        module = ModuleType(own_name)
        module.__dict__["__builtins__"] = self._builtins
        if path.is_dir():
            module.__file__, module.__package__, module.__path__ = str(path / "__init__.py"), own_name, [str(path)]
        else:
            module.__file__, module.__package__ = str(path.with_suffix(".py")), own_name.rpartition(".")[0]
        return module

    @staticmethod
    def _execute(module: ModuleType) -> None:
        file = Path(str(module.__file__))
        if file.is_file():  # a package may do without
            exec(compile(file.read_bytes(), str(file), "exec", dont_inherit=True), module.__dict__)  # noqa: S102

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002 Python calls it so
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """What an import statement in one of these modules gives."""
        wanted = name
        if level:
            package = str((globals or {}).get("__package__", ""))
            wanted = importlib.util.resolve_name("." * level + name, package).removeprefix(self._prefix)
        top = wanted.partition(".")[0]
        if not self.has(top):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        module = self.load(wanted)
        if not fromlist:
            return self.load(top)
        names = getattr(module, "__all__", ()) if "*" in fromlist else fromlist
        for each in names:
            if not hasattr(module, each) and self.has(f"{wanted}.{each}"):
                self.load(f"{wanted}.{each}")
        return module

    def _path(self, name: str) -> Path:
        return self._folder.joinpath(*name.split("."))
