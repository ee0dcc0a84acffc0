"""Why records were refused, field by field: the slow second look at a request that could not be read."""

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from http import HTTPStatus
from itertools import islice
from typing import Any

import msgspec

from retrainer.config.near_miss import shown, unknown
from retrainer.contracts import InputField
from retrainer.serving.problems import MOST_PROBLEMS, FieldProblem, RecordError, of_fields
from retrainer.serving.record_columns import FIRST_YEAR, LAST_YEAR

MOST_CHARACTERS = 1000
"""Longest text in a record."""

_MOST_DIGITS = 400
_EXACT = 2**53
"""Beyond it a number of 64 bits leaves whole numbers out."""


class NoNumber(str):
    """What stands in a body where a number should: NaN, Infinity, or more digits than a number has."""

    __slots__ = ()


def integer_bounds(field: InputField) -> tuple[int, int]:
    """Smallest and largest whole number for a field: keys are kept exactly, what is predicted from becomes a float."""
    return (-(2**63), 2**63 - 1) if field.role == "key" else (-_EXACT, _EXACT)


def explain(body: bytes, fields: Sequence[InputField], *, max_records: int) -> RecordError:
    """What is wrong with `body`, which was refused when it was read as records of `fields`."""
    try:
        document = read_json(body)
    except RecordError as error:
        return error
    records = document.get("records") if isinstance(document, dict) else None
    if isinstance(records, list) and len(records) > max_records:
        return too_many(len(records), max_records)
    problems = list(islice(_problems(document, fields), MOST_PROBLEMS))
    return of_fields(problems or [FieldProblem("records", "cannot be read as records of this model")])


def too_many(count: int, max_records: int) -> RecordError:
    """The refusal of more records than one request may have."""
    message = f"must hold at most {max_records:,} records, got {count:,}"
    problem = FieldProblem("records", message)
    return RecordError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"records: {message}", [problem])


def read_json(body: bytes) -> Any:
    """The value of a JSON text in UTF-8. NaN, Infinity and endless numbers are told from text by their class alone.

    Raises:
        RecordError: it is not JSON (400); says where.
    """
    try:
        return json.loads(body.decode("utf-8"), parse_constant=NoNumber, parse_int=_whole)
    except UnicodeDecodeError as error:
        detail = f"the body is not UTF-8: {error.reason} at byte {error.start}"
    except json.JSONDecodeError as error:
        detail = f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    except RecursionError:
        detail = "the body is not JSON that can be read: it is nested too deep"
    raise RecordError(HTTPStatus.BAD_REQUEST, detail)


def _whole(digits: str) -> int | NoNumber:
    return int(digits) if len(digits) <= _MOST_DIGITS else NoNumber(f"a number of {len(digits):,} digits")


def _problems(document: Any, fields: Sequence[InputField]) -> Iterator[FieldProblem]:
    if not isinstance(document, dict):
        yield FieldProblem("records", f'is missing: the body must be {{"records": [{{...}}]}}, got {said(document)}')
        return
    for name in document:
        if message := unknown(name, ["records"], what="field"):
            yield FieldProblem(_key(name), message)
    records = document.get("records")
    if "records" not in document:
        yield FieldProblem("records", 'is missing: the body must be {"records": [{...}]}')
    elif not isinstance(records, list):
        yield FieldProblem("records", f"must be an array of objects, got {said(records)}")
    elif not records:
        yield FieldProblem("records", "must hold at least one record")
    else:
        for number, record in enumerate(records):
            yield from _of_record(f"records[{number}]", record, fields)


def _of_record(place: str, record: Any, fields: Sequence[InputField]) -> Iterator[FieldProblem]:
    if not isinstance(record, dict):
        yield FieldProblem(place, f"must be an object, got {said(record)}")
        return
    names = [field.name for field in fields]
    for name in record:
        if name not in names:
            yield FieldProblem(f"{place}.{_key(name)}", str(unknown(name, names, what="field")))
    for field in fields:
        if field.name in record:
            message = mistake(field, record[field.name])
        else:
            message = "is missing; send null where it is not known" if field.required else None
        if message:
            yield FieldProblem(f"{place}.{field.name}", message)


def mistake(field: InputField, value: Any) -> str | None:
    """What is wrong with `value` for `field`; None where nothing is."""
    if value is None:
        return None
    if field.type == "string":
        return _text(value)
    if field.type == "timestamp":
        return _time(value)
    if field.type == "boolean":
        return None if isinstance(value, bool) else f"must be true or false, got {said(value)}"
    return _number(value) or (_integer(field, value) if field.type == "integer" else None)


def _text(value: Any) -> str | None:
    if not isinstance(value, str) or isinstance(value, NoNumber):
        return f"must be a text, got {said(value)}"
    if len(value) > MOST_CHARACTERS:
        return f"must have at most {MOST_CHARACTERS:,} characters, got {len(value):,}"
    return None if value.isascii() or _is_unicode(value) else f"must be Unicode text, got {said(value)}"


def _is_unicode(value: str) -> bool:
    """JSON can escape half of a character, which no text can hold."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _number(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | NoNumber):
        return f"must be a number, got {said(value)}"
    if isinstance(value, NoNumber) or abs(value) > sys.float_info.max:
        return f"must be a finite number that fits 64 bits, got {said(value)}"
    return None


def _integer(field: InputField, value: float) -> str | None:
    low, high = integer_bounds(field)
    if value != int(value):
        return f"must be a whole number, got {said(value)}"
    return None if low <= value <= high else f"must be from {low} to {high}, got {said(value)}"


def _time(value: Any) -> str | None:
    wanted = "a time in ISO 8601 with its offset from UTC, such as 2013-06-18T06:00:00-04:00"
    if not isinstance(value, str) or isinstance(value, NoNumber):
        return f"must be {wanted}, got {said(value)}"
    try:
        moment = msgspec.convert(value, datetime)
    except (msgspec.ValidationError, UnicodeEncodeError):
        return f"must be {wanted}, got {said(value)}"
    if moment.tzinfo is None:
        return f"must have its offset from UTC, such as Z or -04:00, got {said(value)}"
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return f"must be in the years {FIRST_YEAR} to {LAST_YEAR}, got {said(value)}"
    return None


def said(value: Any) -> str:
    """A value as a message shows it: short, and not the inside of arrays and objects."""
    if isinstance(value, NoNumber):
        return str(value)
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    if isinstance(value, float):
        return repr(value) if abs(value) <= sys.float_info.max else "a number beyond 1.8e308"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**40 else f"a number of {len(str(abs(value))):,} digits"
    return shown(value[:200])


def _key(name: str) -> str:
    return name if name.isidentifier() and len(name) <= 128 else f"[{shown(name[:200])}]"
