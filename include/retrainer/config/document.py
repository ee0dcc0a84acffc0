"""Reading YAML with the line of every key, and without the parts of YAML that surprise: tags, repeated keys."""

from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import JsonValue

from retrainer.config.problem import DeclarationError, Problem

KeyPath = tuple[str | int, ...]

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML without libyaml: the same result, several times slower
    from yaml import SafeLoader  # type: ignore[assignment]


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
    """Read one YAML mapping.

    Raises:
        DeclarationError: the file cannot be read, is not YAML, uses tags, repeats a key, or is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
        loader = SafeLoader(text)
        try:
            node = loader.get_single_node()
            content = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError([Problem(path, 1, "", f"cannot be read: {error}")]) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise DeclarationError([Problem(path, mark.line + 1 if mark else 1, "", f"not YAML: {error.problem}")]) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise DeclarationError([Problem(path, 1, "", f"not YAML: {error}")]) from error
    if not isinstance(content, dict):
        raise DeclarationError([Problem(path, 1, "", "must be a mapping of keys to values, such as `name: my_model`")])
    lines: dict[KeyPath, int] = {}
    problems: list[Problem] = []
    _walk(path, node, (), lines, problems)
    if problems:
        raise DeclarationError(problems)
    return Document(path, content, lines)


def _walk(path: Path, node: yaml.Node, at: KeyPath, lines: dict[KeyPath, int], problems: list[Problem]) -> None:
    """Note the line of every key below `node` in `lines`, and repeated or unprintable keys in `problems`."""
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*at, index)] = item.start_mark.line + 1
            _walk(path, item, (*at, index), lines, problems)
    elif isinstance(node, yaml.MappingNode):
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str":
                problems.append(Problem(path, line, _dotted(at), f"key {key_node.value!r} must be text"))
                continue
            key = (*at, key_node.value)
            if key in lines:
                problems.append(Problem(path, line, _dotted(key), f"given twice, first on line {lines[key]}"))
            lines[key] = line
            _walk(path, value_node, key, lines, problems)


def _dotted(key: KeyPath) -> str:
    return ".".join(str(part) for part in key)
