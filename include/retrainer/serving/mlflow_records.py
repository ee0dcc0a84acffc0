"""The request formats of `mlflow models serve`, as the columns of a model.

MLflow's clients write what pandas has: times without an offset, which are UTC as in the model's signature, NaN for what
is missing, and columns that the model does not read. All of that is taken as MLflow takes it. What a request leaves out
and can be looked up is looked up.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import islice
from typing import Any

import msgspec
from msgspec import UNSET

from retrainer.contracts import InputField
from retrainer.serving.problems import MOST_PROBLEMS, FieldProblem, RequestError, of_fields
from retrainer.serving.record_columns import ParsedRecords
from retrainer.serving.record_problems import NoNumber, mistake, read_json, said, too_many
from retrainer.serving.records import RecordParser

CSV = "text/csv"
FORMATS = ("dataframe_split", "dataframe_records", "instances", "inputs")
"""What a JSON body may hold, one of them."""

Table = Mapping[str, Sequence[Any]]
"""Values by column; all columns have one length."""

_NOT_AVAILABLE = frozenset(
    ("", "NA", "<NA>", "N/A", "n/a", "#N/A", "#NA", "NaN", "nan", "-NaN", "-nan", "NULL", "null", "None", "NaT")
)
"""Texts in a CSV file that pandas takes for a missing value."""


def parse_invocation(parser: RecordParser, kind: str, body: bytes) -> ParsedRecords:
    """The records in a body whose media type is `kind`: application/json or text/csv.

    Raises:
        RequestError: it holds none that can be predicted, as 400, or too many (413).
    """
    table = _csv_table(body) if kind == CSV else _json_table(body)
    try:
        return _parsed(parser, table, body)
    except RequestError as error:
        if error.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise RequestError(HTTPStatus.BAD_REQUEST, str(error), error.problems) from None
        raise


def _parsed(parser: RecordParser, given: Table, body: bytes) -> ParsedRecords:
    count = len(next(iter(given.values()), ()))
    if count > parser.max_records:
        raise too_many(count, parser.max_records)
    table = {field.name: _as_sent(field, given[field.name]) for field in parser.fields if field.name in given}
    problems = list(islice(_problems(parser.fields, table, count), MOST_PROBLEMS))
    if problems:
        raise of_fields(problems)
    columns = [_python(field, table.get(field.name, [UNSET] * count)) for field in parser.fields]
    return parser.layout.many(columns, body)


def _problems(fields: Sequence[InputField], table: Table, count: int) -> Iterator[FieldProblem]:
    if not count:
        yield FieldProblem("records", "must hold at least one record")
        return
    for field in fields:
        if field.name not in table and field.required:
            yield FieldProblem(field.name, "is missing; send null where it is not known")
        for row, value in enumerate(table.get(field.name, ())):
            message = None if value is UNSET else mistake(field, value)
            if message:
                yield FieldProblem(f"{field.name}[{row}]", message)


def _as_sent(field: InputField, values: Sequence[Any]) -> list[Any]:
    """What a client of /v1 would have sent instead; something wrong stays as it is.

    As in a DataFrame, a record without a column that others have has it without a value, unless that is looked up.
    """
    absent = None if field.required else UNSET
    return [absent if value is UNSET else _sent(field, value) for value in values]


def _sent(field: InputField, value: Any) -> Any:
    if isinstance(value, NoNumber):
        return None if value == "NaN" else value
    if isinstance(value, str):
        return _FROM_TEXT.get(field.type, str)(value)
    if isinstance(value, bool) and field.type in ("float", "integer"):
        return float(value)
    return value == 1 if field.type == "boolean" and value in (0, 1) else value


def _python(field: InputField, values: Sequence[Any]) -> Sequence[Any]:
    """Values that were found right, as `ColumnLayout` takes them."""
    if field.type != "timestamp":
        return values
    return [msgspec.convert(value, datetime) if isinstance(value, str) else value for value in values]


def _time(text: str) -> str | None:
    if text == "NaT":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def _number(text: str) -> float | str | None:
    try:
        number = float(text)
    except ValueError:
        return text
    return None if number != number else number  # noqa: PLR0124 NaN


def _boolean(text: str) -> bool | str:
    return {"true": True, "false": False}.get(text.lower(), text)


_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "timestamp": _time,
    "float": _number,
    "integer": _number,
    "boolean": _boolean,
}


def _json_table(body: bytes) -> Table:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        document = read_json(body)
    if not isinstance(document, dict):
        raise _bad(f"the body must be an object with one of {', '.join(FORMATS)}, got {said(document)}")
    found = [name for name in FORMATS if name in document]
    if len(found) != 1:
        raise _bad(f"the body must have exactly one of {', '.join(FORMATS)}, got {', '.join(found) or 'none'}")
    (name,) = found
    return _READERS[name](name, document[name])


def _of_records(name: str, records: Any) -> Table:
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise _bad(f"{name} must be an array of objects", name)
    columns = dict.fromkeys(column for record in records for column in record)
    return {column: [record.get(column, UNSET) for record in records] for column in columns}


def _of_split(name: str, split: Any) -> Table:
    columns = split.get("columns") if isinstance(split, dict) else None
    rows = split.get("data") if isinstance(split, dict) else None
    if not isinstance(columns, list) or not isinstance(rows, list):
        raise _bad(f"{name} must be an object with the arrays columns and data", name)
    if not all(isinstance(column, str) for column in columns) or len(set(columns)) != len(columns):
        raise _bad(f"{name}.columns must be texts, each of them once", f"{name}.columns")
    for place, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(columns):
            raise _bad(f"{name}.data[{place}] must be an array of {len(columns)} values", f"{name}.data[{place}]")
    return {column: [row[place] for row in rows] for place, column in enumerate(columns)}


def _of_tensors(name: str, tensors: Any) -> Table:
    """An array of objects, an object of arrays, or an object of values, which is one record."""
    if not isinstance(tensors, dict):
        return _of_records(name, tensors)
    if not any(isinstance(values, list) for values in tensors.values()):
        return {column: [value] for column, value in tensors.items()}
    lengths = {len(values) if isinstance(values, list) else None for values in tensors.values()}
    if len(lengths) > 1:
        raise _bad(f"{name} must be an object of arrays of one length", name)
    return tensors


_READERS: dict[str, Callable[[str, Any], Table]] = {
    "dataframe_split": _of_split,
    "dataframe_records": _of_records,
    "instances": _of_tensors,
    "inputs": _of_tensors,
}


def _csv_table(body: bytes) -> Table:
    """A CSV file with a line of names, as DataFrame.to_csv writes it; its column without a name is the index."""
    try:
        rows = list(csv.reader(io.StringIO(body.decode("utf-8")), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise _bad(f"the body is not CSV in UTF-8: {error}") from None
    names, records = (rows[0], [row for row in rows[1:] if row]) if rows else ([], [])
    for place, row in enumerate(records):
        if len(row) != len(names):
            raise _bad(f"row {place} must have {len(names)} values, as the first line of the CSV has, got {len(row)}")
    return {
        name: [None if row[place] in _NOT_AVAILABLE else row[place] for row in records]
        for place, name in enumerate(names)
    }


def _bad(detail: str, pointer: str = "") -> RequestError:
    problems = [FieldProblem(pointer, detail.removeprefix(pointer).strip())] if pointer else []
    return RequestError(HTTPStatus.BAD_REQUEST, detail, problems)
