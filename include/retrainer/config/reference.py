"""docs/configuration.md: every setting of a machine and every key of a declaration, from the text under each field."""

import json
import re
from collections.abc import Iterable, Iterator
from datetime import timedelta

from pydantic import JsonValue, TypeAdapter

from retrainer.config.docstrings import field_descriptions
from retrainer.config.kinds import MOST_VALUES, NAMES, kind_of, sections_in, values_of
from retrainer.config.runtime import RuntimeSettings
from retrainer.config.schema import described_schema
from retrainer.config.section import PATTERNS, format_duration

_Schema = dict[str, JsonValue]

_TIME = TypeAdapter(timedelta)

_DEFAULT = re.compile(r"\s*\bDefault: (.+?)\.(?=\s+[A-Z`]|$)")
"""The sentence of a description that says in words what holds where nothing is given."""

_OPENING = """\
# Configuration

Every setting, its type and limits, its default and what it means. Units are in the names (`timeout_seconds`, `p95_ms`,
`memory_mb`) or in the last column; shares are 0 to 1. `retrainer schema --markdown` makes this page from the code, and
`retrainer schema` the JSON Schema that editors complete from. `retrainer check` says what is wrong in a file, where.
"""

_MACHINE = """\
## Settings of a machine

A key of `config/runtime.yaml`, or an environment variable, which wins. Both are closed: an unknown one is refused. An
empty variable is none. Relative folders are seen from the project.
"""

_CONNECTION = """\
`RETRAINER_CONN_<ID>`, only a variable, is the SQLAlchemy URL of the connection with that id, in upper case and with `_`
for what is neither letter nor digit. In Airflow a connection with that id comes first.
"""

_DECLARATION = """\
## Keys of a declaration

`config/models/<model>.yaml`, one file a model. It is closed as well. A *section* is a mapping with the keys that its
own table names; `<name>` stands for a name of your choice, `[]` for each item of a list.

| Type | What it is |
|---|---|
"""


def configuration_reference() -> str:
    """The whole page, as Markdown."""
    return "\n".join([_OPENING, _MACHINE, *_settings(), "", _CONNECTION, _types(), *_declaration()]).rstrip()


def _settings() -> Iterator[str]:
    schema: _Schema = RuntimeSettings.model_json_schema(mode="validation")
    properties = _mapping(schema["properties"])
    descriptions = field_descriptions(RuntimeSettings)
    yield from _head("Key", "Variable", "Type", "Default", "Meaning")
    for key, node in properties.items():
        default, meaning = _default_and_meaning(_mapping(node), descriptions[key], is_required=False)
        kind = "path" if _mapping(node).get("format") == "path" else kind_of(_mapping(node))
        yield _row(f"`{key}`", f"`RETRAINER_{key.upper()}`", kind, default, meaning)


def _types() -> str:
    return _DECLARATION + "".join(f"{_row(name, PATTERNS[pattern])}\n" for pattern, name in NAMES.items())


def _declaration() -> Iterator[str]:
    schema = described_schema()
    definitions = _mapping(schema["$defs"])
    for name, paths in _places(schema, definitions).items():
        node = schema if name is None else _mapping(definitions[name])
        title = ", ".join(f"`{path}`" for path in paths) if name else "The whole file"
        yield from (f"### {title}{_told_apart(node)}", "", _in_table(str(node.get("description", ""))), "")
        yield from _head("Key", "Type", "Default", "Meaning")
        yield from _keys(node)
        yield ""
        for key, field in _mapping(node["properties"]).items():
            if len(values := values_of(_mapping(field))) > MOST_VALUES:
                yield from (f"`{key}` is one of {', '.join(f'`{value}`' for value in values)}.", "")


def _told_apart(node: _Schema) -> str:
    """By what one of several sections that may stand at the same place is known."""
    fixed = {key: _mapping(field).get("const") for key, field in _mapping(node["properties"]).items()}
    return "".join(f" with `{key}: {value}`" for key, value in fixed.items() if value)


def _keys(node: _Schema) -> Iterator[str]:
    required = node.get("required")
    for key, shown in _mapping(node["properties"]).items():
        field = _mapping(shown)
        is_required = isinstance(required, list) and key in required
        text = str(field["description"])
        default, meaning = _default_and_meaning(field, text, is_required=is_required)
        yield _row(f"`{key}`", kind_of(field), default, meaning)


def _places(schema: _Schema, definitions: _Schema) -> dict[str | None, list[str]]:
    """Each section and where it stands in the file, in the order in which a reader comes upon them; None: the file."""
    found: dict[str | None, list[str]] = {}

    def visit(name: str | None, path: str) -> None:
        found.setdefault(name, []).append(path)
        node = schema if name is None else _mapping(definitions[name])
        for key, field in _mapping(node.get("properties", {})).items():
            for below, suffix in sections_in(_mapping(field)):
                visit(below, f"{path}.{key}{suffix}".lstrip("."))

    visit(None, "")
    return {name: paths for name, paths in found.items() if name is None or "properties" in _mapping(definitions[name])}


def _default_and_meaning(field: _Schema, text: str, *, is_required: bool) -> tuple[str, str]:
    """The default as its column shows it, and the description without the sentence that says it in words."""
    words = _DEFAULT.search(text)
    meaning = _DEFAULT.sub("", text).strip() if words else text
    if is_required:
        return "required", meaning
    value = field.get("default")
    if kind_of(field).startswith("length of time") and value:
        value = format_duration(_TIME.validate_python(value))
    if list(sections_in(field)) and value:
        return "its defaults", meaning
    if words and (value in (None, "", []) or words[1].startswith(str(value))):
        return words[1], meaning
    shown = "none" if value in (None, "", [], {}) else f"`{json.dumps(value, ensure_ascii=False)}`".replace('"', "")
    return f"{shown}, {words[1]}" if words else shown, meaning


def _head(*columns: str) -> Iterable[str]:
    return f"| {' | '.join(columns)} |", "|" + "---|" * len(columns)


def _row(*cells: str) -> str:
    return f"| {' | '.join(_in_table(cell) for cell in cells)} |"


def _in_table(text: str) -> str:
    """On one line, and nothing in it taken for a cell's end or for HTML."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()).replace("|", r"\|"))
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in parts)


def _mapping(node: JsonValue) -> _Schema:
    assert isinstance(node, dict)
    return node
