"""The JSON Schema of a declaration: for editors, and for naming the keys that are allowed at a place."""

import copy
from collections.abc import Iterator
from functools import cache

from pydantic import JsonValue

from retrainer.config.declaration import ModelConfig
from retrainer.config.docstrings import field_descriptions, models_below
from retrainer.config.section import Section

Location = tuple[str | int, ...]

_Schema = dict[str, JsonValue]


@cache
def json_schema() -> _Schema:
    """JSON Schema (draft 2020-12) of config/models/<model>.yaml."""
    schema: _Schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **ModelConfig.model_json_schema(mode="validation"),
    }
    return schema


def described_schema() -> _Schema:
    """`json_schema()` with the description of every key, for editors."""
    schema = copy.deepcopy(json_schema())
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    models = models_below(Section)
    for name, node in [(ModelConfig.__name__, schema), *definitions.items()]:
        properties = node.get("properties") if isinstance(node, dict) else None
        if isinstance(properties, dict):
            for key, text in field_descriptions(models[name]).items():
                shown = properties[key]
                assert isinstance(shown, dict)
                shown["description"] = text
    return schema


def key_path(location: Location) -> Location:
    """A pydantic error location without the parts that are not keys: tags and class names of unions."""
    return tuple(part for part, _, is_key in _walk(location) if is_key)


def allowed_keys(location: Location) -> list[str]:
    """The keys that a declaration may have where `location` (pydantic's) has its last part."""
    names: dict[str, None] = {}
    *_, (_, beside, _) = _walk(location)
    for node in _members(beside):
        properties = node.get("properties")
        if isinstance(properties, dict):
            names.update(dict.fromkeys(properties))
    return list(names)


def _walk(location: Location) -> Iterator[tuple[str | int, list[_Schema], bool]]:
    """Each part of a pydantic location, the schemas it is looked up in, and whether it is a key of the file."""
    nodes = [json_schema()]
    for part in location:
        below = _below(nodes, part)
        branches = [] if below else _branches(nodes, part)
        yield part, nodes, not branches and part != "[key]"
        nodes = branches or below


def _resolve(node: JsonValue) -> _Schema:
    assert isinstance(node, dict)
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return node
    definitions = json_schema()["$defs"]
    assert isinstance(definitions, dict)
    return _resolve(definitions[reference.rpartition("/")[2]])


def _members(nodes: list[_Schema]) -> list[_Schema]:
    """`nodes` with references followed and unions taken apart."""
    found: list[_Schema] = []
    for node in map(_resolve, nodes):
        union = node.get("anyOf") or node.get("oneOf")
        if isinstance(union, list):
            found += _members([_resolve(member) for member in union])
        else:
            found.append(node)
    return found


def _below(nodes: list[_Schema], part: str | int) -> list[_Schema]:
    """The schemas of what stands under key or index `part`."""
    found: list[_Schema] = []
    for node in _members(nodes):
        properties = node.get("properties")
        inner: JsonValue = None
        if isinstance(part, int):
            inner = node.get("items")
        elif isinstance(properties, dict) and part in properties:
            inner = properties[part]
        elif properties is None:
            inner = node.get("additionalProperties")
            patterns = node.get("patternProperties")
            if not isinstance(inner, dict) and isinstance(patterns, dict):
                inner = next(iter(patterns.values()), None)
        if isinstance(inner, dict):
            found.append(_resolve(inner))
    return found


def _branches(nodes: list[_Schema], part: str | int) -> list[_Schema]:
    """The members of a union that pydantic names `part`: by discriminator value or by class."""
    found: list[_Schema] = []
    for node in _members(nodes):
        by = node.get("properties")
        tag = by.get("by") if isinstance(by, dict) else None
        if node.get("title") == part or (isinstance(tag, dict) and tag.get("const") == part):
            found.append(node)
    return found
