"""Reading a YAML file with the line of every key."""

import stat
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from retrainer.config.problem import DeclarationError, Problem
from retrainer.config.yaml_text import KeyPath, read_yaml

__all__ = ["Document", "KeyPath", "read_document"]

_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Document:
    """The content of one YAML file and the line (from 1) of each key and list item."""

    path: Path
    content: dict[str, JsonValue]
    lines: dict[KeyPath, int]

    def line(self, key: KeyPath) -> int:
        """The line of `key`, or of the nearest key around it."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 1)


def read_document(path: Path) -> Document:
    """Read one YAML mapping of at most 1 MiB, UTF-8, with or without a byte order mark.

    Raises:
        DeclarationError: the file cannot be read, is not YAML, is empty or not a mapping, uses tags, repeats a key ...:
            one problem for each.
    """
    read = read_yaml(_text(path))
    problems = [Problem(path, line, key, message) for line, key, message in read.problems]
    if problems:
        raise DeclarationError(problems)
    if read.is_empty:
        raise DeclarationError([Problem(path, 1, "", "is empty; it starts with `name: <name of the file>`")])
    if not isinstance(read.content, dict):
        raise DeclarationError([Problem(path, 1, "", "must be a mapping of keys to values, such as `name: my_model`")])
    return Document(path, read.content, read.lines)


def _text(path: Path) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise DeclarationError([Problem(path, 1, "", "is not a file")])
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise DeclarationError([Problem(path, 1, "", f"cannot be read: {error.strerror or error}")]) from error
    if len(content) > _MAX_BYTES:
        raise DeclarationError([Problem(path, 1, "", "is larger than 1 MiB: no declaration is")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DeclarationError([Problem(path, line, "", "is not UTF-8 text")]) from error
