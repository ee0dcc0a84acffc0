"""The JSON schema of a request's body: the fields that one version reads, with their types, limits and an example."""

from collections.abc import Callable, Sequence
from typing import Any

from retrainer.contracts import InputField
from retrainer.serving.record_columns import FIRST_YEAR, LAST_YEAR
from retrainer.serving.record_problems import MOST_CHARACTERS, integer_bounds, mistake

Schema = dict[str, Any]

_SPARE = "Read by a version on trial only; may be left out. Null: not known."

_ROLES = {
    "input": "Has to be sent; null where it is not known.",
    "looked_up": "Looked up where it is not sent; null: not known.",
    "window": "Taken from the online table where it is not sent; null: not known.",
    "key": "Says which row it is: what is looked up goes by it, it is kept with the prediction, or the same version "
    "answers for it as long as it serves.",
}


def request_schema(fields: Sequence[InputField], *, max_records: int) -> Schema:
    """Schema (JSON Schema 2020-12) of `{"records": [{...}, ...]}`."""
    record = {
        "type": "object",
        "additionalProperties": False,
        "required": [field.name for field in fields if field.required],
        "properties": {field.name: _field_schema(field) for field in fields},
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["records"],
        "properties": {"records": {"type": "array", "minItems": 1, "maxItems": max_records, "items": record}},
        "example": request_example(fields),
    }


def request_example(fields: Sequence[InputField], *, everything: bool = False) -> dict[str, Any]:
    """A request that is answered: what has to be sent and the keys, or all fields."""
    wanted = [field for field in fields if everything or field.required or field.role == "key"]
    return {"records": [{field.name: _example(field) for field in wanted}]}


def _example(field: InputField) -> Any:
    """The field's own example; null where it has none that would be accepted."""
    return field.example if mistake(field, field.example) is None else None


def _field_schema(field: InputField) -> Schema:
    meaning = _ROLES[field.role] if field.required or field.role != "input" else _SPARE
    schema = _TYPES[field.type](field) | {"description": meaning}
    if (example := _example(field)) is not None:
        schema["examples"] = [example]
    return schema


def _text(_: InputField) -> Schema:
    return {"type": ["string", "null"], "maxLength": MOST_CHARACTERS}


def _time(_: InputField) -> Schema:
    assert (FIRST_YEAR, LAST_YEAR) == (1700, 2199)
    return {"type": ["string", "null"], "format": "date-time", "pattern": r"^(1[7-9]|2[01])[0-9]{2}-"}


def _number(_: InputField) -> Schema:
    return {"type": ["number", "null"]}


def _integer(field: InputField) -> Schema:
    low, high = integer_bounds(field)
    return {"type": ["integer", "null"], "minimum": low, "maximum": high}


def _boolean(_: InputField) -> Schema:
    return {"type": ["boolean", "null"]}


_TYPES: dict[str, Callable[[InputField], Schema]] = {
    "string": _text,
    "timestamp": _time,
    "float": _number,
    "integer": _integer,
    "boolean": _boolean,
}
