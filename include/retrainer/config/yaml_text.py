"""From YAML text to plain values and the line of every key, without the parts of YAML that surprise or do harm.

The events of the parser are read here instead of composing a tree of nodes: libyaml's composer recurses in C and ends
the process at some 30,000 nested brackets, which a file of 30 kB can hold. Refused, each with its line: tags, repeated
keys, keys that are not text, merge keys, numbers that are not finite or not in base 10, `yes`, `no`, `on` and `off`
without quotes. Aliases are allowed as long as the values, spelt out, stay within a bound. A date stays a text.
"""

import math
import re
from dataclasses import dataclass, field
from functools import lru_cache

import yaml
from pydantic import JsonValue
from yaml.events import (
    AliasEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from retrainer.config.near_miss import dotted

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML without libyaml: the same result, several times slower
    from yaml import SafeLoader  # type: ignore[assignment]

KeyPath = tuple[str | int, ...]

_MAX_DEPTH = 50
_MAX_VALUES = 100_000
_TAG = "tag:yaml.org,2002:"
_SCALARS = frozenset(_TAG + kind for kind in ("str", "int", "float", "bool", "null", "timestamp"))
_COLLECTIONS = frozenset(("!", _TAG + "map", _TAG + "seq"))
_TRUE_FALSE = frozenset(("true", "false"))
_EXPONENT = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$")
"""A number to YAML 1.2 and to JSON, and a text to PyYAML: 1e-3."""

_NOT_DECIMAL = re.compile(r"^[-+]?(0[0-9_]+|[0-9][0-9_]*:.*)$")
"""A whole number to PyYAML, and another one, or a text, to everybody else: 010, 12:30."""


@dataclass(slots=True)
class YamlText:
    """What a text says. `problems` are (line, key, message); `content` is to be used only where there are none."""

    content: JsonValue = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[tuple[int, str, str]] = field(default_factory=list)
    is_empty: bool = False


class _StopReadingError(Exception):
    """Going on could cost more than a declaration is worth."""


def read_yaml(text: str) -> YamlText:
    """Read one YAML document; never raises for what is in `text`."""
    reader = _Reader(text)
    try:
        reader.read_document()
    except _StopReadingError:
        pass
    except yaml.MarkedYAMLError as error:
        reader.result.problems.append(_not_yaml(error, text))
    except yaml.reader.ReaderError as error:
        line = _line_of(text, error.character)
        reader.result.problems.append((line, "", f"not YAML: character {_code(error.character)} is not allowed"))
    return reader.result


class _Reader:
    def __init__(self, text: str) -> None:
        self.result = YamlText()
        self._loader = SafeLoader(text)
        self._anchors: dict[str, tuple[JsonValue, int]] = {}
        self._values = 0

    def read_document(self) -> None:
        self._next()  # the stream starts
        if isinstance(self._next(), StreamEndEvent):
            self.result.is_empty = True
            return
        self.result.content = self._value(self._next(), ())
        self._next()  # the document ends
        event = self._next()
        if not isinstance(event, StreamEndEvent):
            self._problem(event, (), "a second document starts here (---): one file declares one model")

    def _next(self) -> Event:
        event = self._loader.get_event()
        assert event is not None  # the end of the stream is an event of its own, and nothing is read after it
        return event

    def _problem(self, event: Event, at: KeyPath, message: str) -> None:
        self.result.problems.append((_line(event), dotted(at), message))

    def _value(self, event: Event, at: KeyPath) -> JsonValue:
        self._count(event, at, 1)
        before = self._values
        value: JsonValue
        if isinstance(event, AliasEvent):
            return self._alias(event, at)
        if isinstance(event, ScalarEvent):
            value = self._scalar(event, at)
        elif isinstance(event, SequenceStartEvent):
            value = self._sequence(event, at)
        else:
            assert isinstance(event, MappingStartEvent)
            value = self._mapping(event, at)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._values - before + 1)
        return value

    def _count(self, event: Event, at: KeyPath, values: int) -> None:
        self._values += values
        if len(at) > _MAX_DEPTH:
            self._problem(event, at[:3], f"is nested deeper than {_MAX_DEPTH} levels")
            raise _StopReadingError
        if self._values > _MAX_VALUES:
            self._problem(event, at, f"the file holds more than {_MAX_VALUES} values, aliases spelt out")
            raise _StopReadingError

    def _alias(self, event: AliasEvent, at: KeyPath) -> JsonValue:
        if event.anchor not in self._anchors:
            self._problem(event, at, f"alias *{event.anchor} has no anchor &{event.anchor} that ends before it")
            return None
        value, values = self._anchors[event.anchor]
        self._count(event, at, values)
        return value

    def _scalar(self, event: ScalarEvent, at: KeyPath) -> JsonValue:
        tag = event.tag
        if tag is None or tag == "!":
            tag = _resolved(event)
        if tag not in _SCALARS:
            self._problem(event, at, f"tag {_short(tag)} is not allowed: only plain values are")
            return None
        text: str = event.value
        if tag == _TAG + "str" and event.implicit[0] and _EXPONENT.match(text):
            tag = _TAG + "float"
        if tag in (_TAG + "str", _TAG + "timestamp"):
            return text
        if tag == _TAG + "bool" and text.lower() not in _TRUE_FALSE:
            self._problem(event, at, f"{text} is read as true or false by YAML: quote it, or write true or false")
            return None
        return self._number(event, at, tag)

    def _number(self, event: ScalarEvent, at: KeyPath, tag: str) -> JsonValue:
        """A number, true, false or null."""
        if tag == _TAG + "int" and _NOT_DECIMAL.match(event.value):
            self._problem(event, at, f"{event.value} is read as base 8 or 60 by YAML: quote it, or write it in base 10")
            return None
        try:
            value: int | float | None = self._loader.construct_object(yaml.ScalarNode(tag, event.value))
        except (ValueError, KeyError, yaml.YAMLError):
            self._problem(event, at, f"is not a value of type {tag.removeprefix(_TAG)}")
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self._problem(event, at, f"must be a finite number, got {event.value}")
            return None
        return value

    def _sequence(self, event: SequenceStartEvent, at: KeyPath) -> JsonValue:
        self._check_tag(event, at)
        items: list[JsonValue] = []
        while not isinstance(item := self._next(), SequenceEndEvent):
            key = (*at, len(items))
            self.result.lines[key] = _line(item)
            items.append(self._value(item, key))
        return items

    def _mapping(self, event: MappingStartEvent, at: KeyPath) -> JsonValue:
        self._check_tag(event, at)
        content: dict[str, JsonValue] = {}
        lines = self.result.lines
        while not isinstance(named := self._next(), MappingEndEvent):
            name = self._key(named, at)
            if name is None:
                self._value(self._next(), (*at, "?"))
                continue
            key = (*at, name)
            if name in content:
                self._problem(named, key, f"is given twice, first on line {lines[key]}")
            else:
                lines[key] = _line(named)
            content[name] = self._value(self._next(), key)
        return content

    def _key(self, event: Event, at: KeyPath) -> str | None:
        """The text of a key, or None and a problem where it is none."""
        if not isinstance(event, ScalarEvent):
            self._problem(event, at, "a key must be text")
            self._value(event, (*at, "?"))
            return None
        tag = event.tag or _resolved(event)
        if tag == _TAG + "str":
            return str(event.value)
        if tag == _TAG + "merge":
            self._problem(event, at, "merge keys (<<) are not supported: write the keys out")
        else:
            self._problem(event, at, f"key {event.value or 'null'} must be text: quote it")
        return None

    def _check_tag(self, event: SequenceStartEvent | MappingStartEvent, at: KeyPath) -> None:
        if event.tag is not None and event.tag not in _COLLECTIONS:
            self._problem(event, at, f"tag {_short(event.tag)} is not allowed: only plain values are")


def _resolved(event: ScalarEvent) -> str:
    """The tag that a scalar without one gets from its look."""
    return _plain_tag(event.value) if event.implicit[0] else _TAG + "str"


@lru_cache(maxsize=4096)
def _plain_tag(text: str) -> str:
    resolver = yaml.resolver.Resolver()
    return str(resolver.resolve(yaml.ScalarNode, text, (True, False)))  # type: ignore[no-untyped-call]


def _line(event: Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _short(tag: str) -> str:
    return f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag


def _not_yaml(error: yaml.MarkedYAMLError, text: str) -> tuple[int, str, str]:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    lines = text.splitlines()
    if mark and mark.line < len(lines) and lines[mark.line][mark.column : mark.column + 1] == "\t":
        return line, "", "not YAML: a tab; indent with spaces"
    context = f" {error.context}" if error.context else ""
    if context and error.context_mark and error.context_mark.line + 1 != line:
        context += f" that starts on line {error.context_mark.line + 1}"
    return line, "", f"not YAML: {error.problem}{context}"


def _code(character: str | int) -> str:
    return f"#x{character if isinstance(character, int) else ord(character):02x}"


def _line_of(text: str, character: str | int) -> int:
    found = text.find(chr(character) if isinstance(character, int) else character)
    return text.count("\n", 0, max(found, 0)) + 1
