"""What a Python file imports and defines, found out by reading it: nothing of it is run."""

import ast
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

_BLOCKS = (ast.If, ast.Try, ast.TryStar, ast.With, ast.For, ast.While)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Import:
    """One import that always happens: `module` absolute, and the names taken from it (empty for `import module`)."""

    line: int
    module: str
    names: tuple[str, ...] = ()


@dataclass(slots=True)
class Outline:
    """The top level of one file."""

    imports: list[Import] = field(default_factory=list)
    defined: set[str] = field(default_factory=set)
    functions: dict[str, _Function] = field(default_factory=dict)
    is_open: bool = False
    """Whether it may have other names than those: a star import, or a __getattr__."""


class UnreadableError(Exception):
    """A file that Python would not compile: line (from 1) and reason."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


def outline(path: Path, dotted: str) -> Outline:
    """The outline of the file of module `dotted`; read again only when the file has changed.

    Raises:
        UnreadableError: it cannot be read or is not Python.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise UnreadableError(1, str(error.strerror or error)) from error
    return _outline(path, dotted, changed=(status.st_mtime_ns, status.st_size))


@lru_cache(maxsize=256)
def _outline(path: Path, dotted: str, *, changed: tuple[int, int]) -> Outline:  # noqa: ARG001 part of the cache's key
    package = dotted if path.name == "__init__.py" else dotted.rpartition(".")[0]
    found = Outline()
    for statement, is_certain in _statements(_parsed(path).body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            _note_import(statement, package, found, is_certain=is_certain)
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            found.defined.add(statement.name)
            found.functions[statement.name] = statement
        elif isinstance(statement, ast.ClassDef):
            found.defined.add(statement.name)
        else:
            stored = (node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and _is_stored(node))
            found.defined.update(stored)
    found.is_open = found.is_open or "__getattr__" in found.defined
    return found


def _parsed(path: Path) -> ast.Module:
    try:
        with warnings.catch_warnings():  # such as of an escape that is none: of no interest here
            warnings.simplefilter("ignore")
            return ast.parse(path.read_bytes(), filename=str(path))
    except SyntaxError as error:
        raise UnreadableError(error.lineno or 1, error.msg) from error
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise UnreadableError(1, str(error) or type(error).__name__) from error


def _statements(body: list[ast.stmt], *, is_certain: bool = True) -> Iterator[tuple[ast.stmt, bool]]:
    """Every statement that runs on import, and whether it always does; those within functions and classes do not."""
    for statement in body:
        yield statement, is_certain
        if isinstance(statement, _BLOCKS):
            certain = is_certain and isinstance(statement, ast.With)
            for name in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, name, []), is_certain=certain)
            for handler in getattr(statement, "handlers", []):
                yield from _statements(handler.body, is_certain=False)


def _note_import(statement: ast.Import | ast.ImportFrom, package: str, found: Outline, *, is_certain: bool) -> None:
    if isinstance(statement, ast.Import):
        imports = [Import(statement.lineno, alias.name) for alias in statement.names]
        found.defined |= {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    else:
        names = tuple(alias.name for alias in statement.names)
        imports = [Import(statement.lineno, _absolute(statement, package), names)]
        found.defined |= {alias.asname or alias.name for alias in statement.names}
        found.is_open = found.is_open or "*" in names
    if is_certain:
        found.imports += imports


def _absolute(statement: ast.ImportFrom, package: str) -> str:
    """The module a `from` names. A relative one that leaves the top package keeps its dots: no such module exists."""
    parts = package.split(".")
    above = statement.level - 1
    if statement.level and above >= len(parts):
        return "." * statement.level + (statement.module or "")
    base = parts[: len(parts) - above] if statement.level else []
    return ".".join([*base, *([statement.module] if statement.module else [])])


def _is_stored(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)
