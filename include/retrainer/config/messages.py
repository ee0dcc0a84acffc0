"""A pydantic error as a sentence about a key: what it must be, what it is, and the nearest name."""

import re

from pydantic import JsonValue
from pydantic_core import ErrorDetails

from retrainer.config.near_miss import listed, shown, unknown
from retrainer.config.schema import allowed_keys
from retrainer.config.section import INCONSISTENT, PATTERNS
from retrainer.config.yaml_text import KeyPath

_MUST_BE = {
    "string_type": "text (in quotes, where YAML reads it as something else)",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "invalid-json-value": "a plain value",
    "date_type": "a date such as 2013-01-31",
    "date_parsing": "a date such as 2013-01-31",
    "date_from_datetime_parsing": "a date such as 2013-01-31",
    "date_from_datetime_inexact": "a date such as 2013-01-31, without a time",
    "finite_number": "a finite number",
    "int_from_float": "a whole number",
}
_BOUNDS = {
    "greater_than": "be above {gt}",
    "greater_than_equal": "be at least {ge}",
    "less_than": "be below {lt}",
    "less_than_equal": "be at most {le}",
    "string_too_short": "not be empty",
    "string_too_long": "have at most {max_length} characters",
    "too_short": "have at least {min_length}, has {actual_length}",
}
_BY = ("manifest", "later_rows")
_QUOTED = re.compile(r"'([^']*)'")


def mistake(error: ErrorDetails, key: KeyPath) -> tuple[KeyPath, str]:
    """The key at fault, which may lie below `key`, and what is wrong with it."""
    kind, given = error["type"], error["input"]
    if kind in ("value_error", INCONSISTENT):
        return key, error["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        allowed = allowed_keys(error["loc"])
        return key, unknown(str(key[-1]), allowed, what="key") or f"key {shown(key[-1])} is not allowed here"
    if kind == "missing":
        return key, "is missing"
    if kind in ("union_tag_not_found", "union_tag_invalid", "literal_error"):
        return _choice(error, key)
    return key, f"must {_must(error)}{_got(given)}"


def _choice(error: ErrorDetails, key: KeyPath) -> tuple[KeyPath, str]:
    """A value that is none of those that are allowed, or the `by` that says which keys are."""
    context = error["ctx"]
    if error["type"] == "union_tag_not_found":
        return (*key, "by"), f"is missing (allowed: {listed(_BY)})"
    if error["type"] == "union_tag_invalid":
        key, given, allowed = (*key, "by"), context["tag"], _BY
    else:
        given, allowed = error["input"], tuple(_QUOTED.findall(str(context["expected"])))
    return key, unknown(str(given), allowed, what="value") or f"must be text, got {shown(given)}"


def _must(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in _MUST_BE:
        return f"be {_MUST_BE[kind]}"
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**context)
    if kind == "string_pattern_mismatch":
        return f"be {PATTERNS.get(str(context['pattern']), context['pattern'])}"
    return f"be otherwise: {error['msg']}"


def _got(given: JsonValue) -> str:
    """What was given, unless it is as long as a section."""
    return "" if isinstance(given, dict | list) else f", got {shown(given)}"
