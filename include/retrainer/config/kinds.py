"""A node of the JSON Schema in words: what may stand there, and within which limits."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import JsonValue

from retrainer.config.section import DURATION_PATTERN, PATTERNS

NAMES = dict(zip(PATTERNS, ("name", "column", "Python module", "table", "Airflow connection"), strict=True))
"""What a text of each pattern is called."""

MOST_VALUES = 8
"""Of more values than this a cell only gives the number."""

_WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}

_SCALARS = ["text", "whole number", "number", "true or false", "null"]

_PLURALS = {
    "section": "sections",
    "number": "numbers",
    "whole number": "whole numbers",
    "text": "texts",
    "text, number, true, false or null": "texts, numbers, true, false or null",
    "any value": "any values",
} | {name: f"{name}s" for name in NAMES.values()}


def kind_of(node: Mapping[str, JsonValue]) -> str:
    """What may stand there, such as `number, above 0, at most 600`."""
    if "$ref" in node:
        return "any value" if str(node["$ref"]).endswith("/JsonValue") else "section"
    if members := _members(node):
        return _one_of(members)
    if values := values_of(node):
        return " or ".join(f"`{value}`" for value in values) if len(values) <= MOST_VALUES else "one of those below"
    return _of_type(node)


def _of_type(node: Mapping[str, JsonValue]) -> str:
    match node.get("type"):
        case "array":
            return _list(node)
        case "object":
            return f"mapping of names to {_plural(kind_of(_value(node)))}"
        case "string":
            return _text(node)
        case str(name):
            return ", ".join([_WORDS[name], *_limits(node)])
    return "any value"


def values_of(node: Mapping[str, JsonValue]) -> list[JsonValue]:
    """The values that may stand there, where they are counted out."""
    values = node.get("enum", [node["const"]] if "const" in node else [])
    assert isinstance(values, list)
    return values


def sections_in(node: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    """The sections that may stand there, by name, each with what its path has after the key: nothing, [] or .<name>."""
    if "$ref" in node:
        yield str(node["$ref"]).rpartition("/")[2], ""
    for member in _members(node):
        yield from sections_in(member)
    items = node.get("items")
    if isinstance(items, dict):
        yield from ((name, f"[]{suffix}") for name, suffix in sections_in(items))
    if node.get("type") == "object":
        yield from ((name, f".<name>{suffix}") for name, suffix in sections_in(_value(node)))


def _members(node: Mapping[str, JsonValue]) -> Sequence[dict[str, JsonValue]]:
    """The members of a union."""
    union = node.get("anyOf") or node.get("oneOf") or []
    assert isinstance(union, list)
    return [member for member in union if isinstance(member, dict)]


def _one_of(members: Sequence[Mapping[str, JsonValue]]) -> str:
    kinds = list(dict.fromkeys(kind_of(member) for member in members))
    if kinds == _SCALARS:
        return "text, number, true, false or null"
    return " or ".join(kind for kind in kinds if kind not in ("null", "``")) or "null"


def _list(node: Mapping[str, JsonValue]) -> str:
    items = node.get("items")
    kind = kind_of(items) if isinstance(items, dict) else "any value"
    at_least = f", at least {node['minItems']} of them" if "minItems" in node else ""
    return f"list of {_plural(kind)}{at_least}"


def _text(node: Mapping[str, JsonValue]) -> str:
    pattern = str(node.get("pattern", ""))
    if pattern == DURATION_PATTERN:
        return "length of time, such as `90m`, `6h` or `14d`"
    if pattern:
        return NAMES.get(pattern, f"text, `{pattern}`")
    if "format" in node:
        return str(node["format"])
    longest = [f"at most {node['maxLength']} characters"] if "maxLength" in node else []
    return ", ".join(["text", *longest])


def _limits(node: Mapping[str, JsonValue]) -> list[str]:
    words = {"exclusiveMinimum": "above", "minimum": "at least", "maximum": "at most", "exclusiveMaximum": "below"}
    if "minimum" in node and "maximum" in node:
        return [f"{_number(node['minimum'])} to {_number(node['maximum'])}"]
    return [f"{word} {_number(node[key])}" for key, word in words.items() if key in node]


def _number(value: JsonValue) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) and value == int(value) else str(value)


def _value(node: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """What the values of a mapping are."""
    patterns = node.get("patternProperties")
    inner = next(iter(patterns.values()), {}) if isinstance(patterns, dict) else node.get("additionalProperties")
    return inner if isinstance(inner, dict) else {}


def _plural(kind: str) -> str:
    if kind in _PLURALS:
        return _PLURALS[kind]
    first, comma, rest = kind.partition(", ")
    return _PLURALS.get(first, first) + comma + rest
