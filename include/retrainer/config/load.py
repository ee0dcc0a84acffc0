"""From a YAML file to a ModelConfig, or to a list of mistakes with file, line, key, what is allowed and the nearest name."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from retrainer.config.declaration import ModelConfig
from retrainer.config.document import Document, KeyPath, read_document
from retrainer.config.modules import missing_from_module
from retrainer.config.near_miss import listed, nearest
from retrainer.config.problem import DeclarationError, Problem
from retrainer.config.schema import allowed_keys, key_path

_SUFFIXES = (".yaml", ".yml")


def find_declarations(path: Path) -> list[Path]:
    """The declarations under `path`, a folder (not its subfolders) or one file, in order of name.

    Raises:
        DeclarationError: there is no such path.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DeclarationError([Problem(path, 1, "", "no such file or folder")])
    return sorted(item for item in path.iterdir() if item.suffix in _SUFFIXES and not item.name.startswith("."))


def load_declaration(path: Path) -> ModelConfig:
    """The model declared in `path`, with every default filled in.

    Raises:
        DeclarationError: one line for each mistake, the model's own modules included (they are read, not imported).
    """
    document = read_document(path)
    try:
        config = ModelConfig.model_validate(document.content)
    except ValidationError as error:
        raise DeclarationError(list(_problems(document, error.errors()))) from error
    problems = list(_outside(document, config))
    if problems:
        raise DeclarationError(problems)
    return config


def _outside(document: Document, config: ModelConfig) -> Iterable[Problem]:
    """Mistakes that only show against what is outside the file: its name, the modules it names."""
    if config.name != document.path.stem:
        message = f"{config.name!r} must be the file's name, {document.path.stem!r}"
        yield Problem(document.path, document.line(("name",)), "name", message)
    modules = (
        (("features", "module"), config.features.module, "row_features"),
        (("evaluation", "baseline"), config.evaluation.baseline, "predict"),
    )
    for key, module, function in modules:
        missing = missing_from_module(module, function)
        if missing:
            yield Problem(document.path, document.line(key), ".".join(key), missing)


def _problems(document: Document, errors: Iterable[ErrorDetails]) -> Iterable[Problem]:
    for error in errors:
        key = key_path(error["loc"])
        message = _message(error, key)
        if error["type"] == "value_error":
            key, message = _named_key(document, key, message)
        yield Problem(document.path, document.line(key), ".".join(str(part) for part in key), message)


def _message(error: ErrorDetails, key: KeyPath) -> str:
    if error["type"] == "extra_forbidden":
        allowed = allowed_keys(key[:-1])
        near = nearest(str(key[-1]), allowed)
        meant = f"; did you mean {near!r}?" if near else ""
        return f"unknown key {str(key[-1])!r}{meant} (allowed: {listed(allowed, near=near)})"
    if error["type"] == "missing":
        return "is missing"
    message = error["msg"].removeprefix("Value error, ")
    given = error["input"]
    if error["type"] == "value_error" or isinstance(given, dict | list):
        return message
    return f"{message[0].lower()}{message[1:]}, got {given!r}"


def _named_key(document: Document, key: KeyPath, message: str) -> tuple[KeyPath, str]:
    """A check across keys names the key at fault in front of its message: point there."""
    named, separator, rest = message.partition(": ")
    parts: KeyPath = tuple(int(part) if part.isdigit() else part for part in named.split("."))
    if separator and (*key, *parts) in document.lines:
        return (*key, *parts), rest
    return key, message
