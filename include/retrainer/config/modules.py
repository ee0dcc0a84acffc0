"""Does a model's own code import? Found out by reading it, not by running it: that would load pandas into Airflow."""

import ast
import sys
from collections.abc import Iterator
from functools import lru_cache
from importlib.machinery import ModuleSpec
from pathlib import Path

from retrainer.config.near_miss import listed, nearest, unknown
from retrainer.config.outline import Import, Outline, UnreadableError, outline


def missing_from_module(dotted: str, function: str) -> str | None:
    """What keeps `from <dotted> import <function>` from working, in words; None if nothing was found.

    Looks at the syntax of the module, of its packages and of what they import from the same top package, at the
    modules and names that these import at the top level, and at the function's arguments. Imports within `try` or
    `if` may be missing on purpose and are passed over.
    """
    path = _source(dotted)
    if path is None:
        return f"module {dotted!r} was not found{_looked_for(dotted)}"
    problem = next(_problems(dotted, dotted.partition(".")[0], set()), None)
    if problem:
        return f"module {dotted!r} does not import: {problem}"
    return _function_problem(outline(path, dotted), dotted, function) if path.suffix == ".py" else None


def _looked_for(dotted: str) -> str:
    """Where a module should have been, and a module beside that place with a name like it."""
    near = _near(dotted)
    meant = f"; did you mean {near!r}?" if near else ""
    return f"{meant} (looked for {dotted.replace('.', '/')}.py under include/)"


def _near(dotted: str) -> str | None:
    """A module of the same package with a name like the last part of `dotted`."""
    package, _, name = dotted.rpartition(".")
    spec = _find(package) if package else None
    beside: set[str] = set()
    for folder in (spec and spec.submodule_search_locations) or ():
        beside |= {path.stem for path in Path(folder).glob("[!_]*.py")}
        beside |= {path.parent.name for path in Path(folder).glob("[!_]*/__init__.py")}
    near = nearest(name, beside)
    return f"{package}.{near}" if near else None


def _problems(dotted: str, top: str, seen: set[str]) -> Iterator[str]:
    """`file:line: reason` for everything in `dotted`, and in what it imports of package `top`, that fails on import."""
    parts = dotted.split(".")
    for length in range(1, len(parts) + 1):
        module = ".".join(parts[:length])
        path = _source(module)
        if (
            module in seen or path is None or path.suffix != ".py"
        ):  # namespace packages and compiled modules have no text
            continue
        seen.add(module)
        where = "/".join(path.parts[-length - (path.name == "__init__.py") :])
        try:
            found = outline(path, module)
        except UnreadableError as error:
            yield f"{where}:{error.line}: {error}"
            continue
        for imported in found.imports:
            yield from _import_problems(imported, f"{where}:{imported.line}", top, seen)


def _import_problems(imported: Import, where: str, top: str, seen: set[str]) -> Iterator[str]:
    module = imported.module
    if module.partition(".")[0] != top:
        yield from _foreign_problems(module, where)
        return
    if not _exists(module):
        yield f"{where}: no module named {module!r}"
        return
    yield from _problems(module, top, seen)
    path = _source(module)
    if path is None or path.suffix != ".py":
        return
    try:
        target = outline(path, module)
    except UnreadableError:
        return  # said where the module was looked at
    for name in imported.names:
        if _exists(f"{module}.{name}"):
            yield from _problems(f"{module}.{name}", top, seen)
        elif name not in target.defined and not target.is_open and name != "*":
            yield f"{where}: in module {module!r}: {unknown(name, target.defined, what='name')}"


def _foreign_problems(module: str, where: str) -> Iterator[str]:
    """A part of an installed package may be made only when that is imported: missed where one like it is there."""
    top = module.partition(".")[0]
    if not top:
        yield f"{where}: a relative import of {module!r} leaves the top package"
    elif not _exists(top):
        yield f"{where}: no module named {top!r}"
    elif not _exists(module) and (near := _near(module)):
        yield f"{where}: no module named {module!r}; did you mean {near!r}?"


def _function_problem(found: Outline, dotted: str, name: str) -> str | None:
    if name not in found.defined and not found.is_open:
        near = nearest(name, found.defined)
        meant = f"; did you mean {near!r}?" if near else ""
        return f"module {dotted!r} has no function {name!r}{meant} (it defines: {listed(found.defined) or 'nothing'})"
    function = found.functions.get(name)
    if isinstance(function, ast.AsyncFunctionDef):
        return f"function {name!r} of module {dotted!r} must not be async"
    if function is not None and not function.decorator_list and not _takes_one(function.args):
        return f"function {name!r} of module {dotted!r} must take one argument, the columns"
    return None


def _takes_one(arguments: ast.arguments) -> bool:
    positional = len(arguments.posonlyargs) + len(arguments.args)
    needed = positional - len(arguments.defaults)
    needs_keyword = any(default is None for default in arguments.kw_defaults)
    return needed <= 1 and (positional >= 1 or arguments.vararg is not None) and not needs_keyword


def _source(dotted: str) -> Path | None:
    """The file of a module or package; None where there is none, or it has no file (a namespace package)."""
    spec = _find(dotted)
    return Path(spec.origin) if spec and spec.origin and spec.has_location else None


def _exists(dotted: str) -> bool:
    return dotted in sys.builtin_module_names or dotted in sys.stdlib_module_names or _find(dotted) is not None


def _find(dotted: str) -> ModuleSpec | None:
    """The spec of a module, found as import finds it, but without importing its parents."""
    try:
        return _found(dotted, tuple(sys.path))
    except ModuleNotFoundError:
        return None


@lru_cache(maxsize=1024)
def _found(dotted: str, search_path: tuple[str, ...]) -> ModuleSpec:
    """Remembers what was found, and never that something was not."""
    package, _, name = dotted.rpartition(".")
    locations = list(_found(package, search_path).submodule_search_locations or []) if package else None
    if name and (locations or not package):
        for finder in sys.meta_path:
            spec = finder.find_spec(dotted, locations) if hasattr(finder, "find_spec") else None
            if spec is not None:
                return spec
    raise ModuleNotFoundError(f"No module named {dotted!r}", name=dotted)
