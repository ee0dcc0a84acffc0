"""From a YAML file to a ModelConfig, or to a list of mistakes: file, line, key, what is allowed, the nearest name."""

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from retrainer.config.boosting_names import missing_library
from retrainer.config.consistency import Sections, inconsistencies
from retrainer.config.declaration import ModelConfig
from retrainer.config.document import Document, read_document
from retrainer.config.messages import mistake
from retrainer.config.modules import missing_from_module
from retrainer.config.near_miss import dotted, shown
from retrainer.config.problem import DeclarationError, Problem
from retrainer.config.schema import key_path
from retrainer.config.section import MODULE_PATTERN, Mistake

_MODULE = re.compile(MODULE_PATTERN)
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
    found = (item for item in path.iterdir() if item.suffix in _SUFFIXES and not item.name.startswith("."))
    return sorted(item for item in found if not item.is_dir())


def load_declaration(path: Path) -> ModelConfig:
    """The model declared in `path`, with every default filled in.

    Raises:
        DeclarationError: one problem for each mistake, by line, those of the model's own modules included (which are
            read, not imported) and those between sections that are right in themselves.
    """
    document = read_document(path)
    problems = [Problem(path, document.line(key), dotted(key), message) for key, message in _outside(document)]
    try:
        config = ModelConfig.model_validate(document.content)
    except ValidationError as error:
        mistakes = [mistake(detail, key_path(detail["loc"])) for detail in error.errors(include_url=False)]
        mistakes += inconsistencies(Sections.valid_in(document.content))
        problems += [Problem(path, document.line(key), dotted(key), message) for key, message in mistakes]
        raise DeclarationError(list(dict.fromkeys(problems))) from error
    if problems:
        raise DeclarationError(problems)
    return config


def _outside(document: Document) -> Iterator[Mistake]:
    """Mistakes that only show against what is outside the file: its name, the modules it names."""
    content, path = document.content, document.path
    name = content.get("name")
    if isinstance(name, str) and name != path.stem:
        yield ("name",), f"{shown(name)} must be the file's name, {path.stem!r}"
    if path.suffix == ".yml" and path.with_suffix(".yaml").exists():
        yield (), f"{path.stem}.yaml beside it declares the same model"
    for section, key, function in (("features", "module", "row_features"), ("evaluation", "baseline", "predict")):
        found = content.get(section)
        module = found.get(key) if isinstance(found, dict) else None
        if isinstance(module, str) and _MODULE.match(module):
            missing = missing_from_module(module, function)
            if missing:
                yield (section, key), missing
    estimator, runtime = content.get("estimator"), content.get("runtime")
    type_ = estimator.get("type") if isinstance(estimator, dict) else None
    runs_here = not isinstance(runtime, dict) or runtime.get("kind", "process") == "process"
    if isinstance(type_, str) and runs_here and (missing := missing_library(type_)):
        yield ("estimator", "type"), missing
