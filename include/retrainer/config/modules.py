"""Does a model's own code import? Found out by reading it, not by running it: that would load pandas into Airflow."""

import ast
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from retrainer.config.near_miss import listed, nearest


def missing_from_module(dotted: str, function: str) -> str | None:
    """What keeps `from <dotted> import <function>` from working, in words; None if nothing was found.

    Looks at the file's syntax, the modules it imports at the top level, and the names it defines.
    """
    spec = _find(dotted)
    if spec is None or spec.origin is None:
        return f"module {dotted!r} was not found (looked for {dotted.replace('.', '/')}.py under include/)"
    path = Path(spec.origin)
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except (SyntaxError, UnicodeDecodeError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        return f"module {dotted!r} does not import: {path.name}:{line}: {getattr(error, 'msg', error)}"
    for line, name in _imported(tree, package=dotted.rpartition(".")[0]):
        if not _exists(name):
            return f"module {dotted!r} does not import: {path.name}:{line}: no module named {name!r}"
    defined = _defined(tree)
    if function not in defined:
        near = nearest(function, defined)
        meant = f"; did you mean {near!r}?" if near else ""
        return f"module {dotted!r} has no function {function!r}{meant} (it defines: {listed(defined) or 'nothing'})"
    return None


def _find(dotted: str) -> ModuleSpec | None:
    """The spec of a module, found without importing its parents."""
    spec: ModuleSpec | None = None
    locations: list[str] | None = None
    parts = dotted.split(".")
    for index in range(len(parts)):
        spec = PathFinder.find_spec(".".join(parts[: index + 1]), locations)
        if spec is None:
            return None
        locations = list(spec.submodule_search_locations or [])
    return spec


def _exists(dotted: str) -> bool:
    top = dotted.partition(".")[0]
    if top in sys.stdlib_module_names or top in sys.builtin_module_names:
        return True
    return _find(dotted) is not None


def _imported(tree: ast.Module, *, package: str) -> list[tuple[int, str]]:
    """(line, module) of every import at the top level; relative ones made absolute."""
    found: list[tuple[int, str]] = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            found.append((node.lineno, ".".join(part for part in (base, node.module) if part)))
    return found


def _defined(tree: ast.Module) -> set[str]:
    """Names that the module defines or imports at its top level."""
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return names
