"""The records of a request: JSON in, columns out. Made once for each version from the fields that its spec names."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import astuple

from retrainer.config.serving import Serving
from retrainer.contracts import InputField, ServingSpec
from retrainer.serving.problems import FieldProblem, RecordError
from retrainer.serving.record_columns import ColumnLayout, ParsedRecords
from retrainer.serving.record_problems import MOST_CHARACTERS, explain, integer_bounds
from retrainer.serving.record_schema import request_schema

__all__ = ["FieldProblem", "ParsedRecords", "RecordError", "RecordParser"]

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError)


class RecordParser:
    """Reads `{"records": [{...}, ...]}` into the columns that one version takes.

    A required field has to be sent, and may be null where its value is not known. A looked-up or window field that is
    not sent is looked up; where null is sent for it, it is missing. A key may be left out.
    """

    def __init__(self, spec: ServingSpec) -> None:
        self.spec = spec
        self.fields = spec.fields
        self.max_records = max_records(spec)
        self.layout = ColumnLayout(spec.fields)
        body = msgspec.defstruct("Body", [("records", list[_record_type(spec.fields)])], forbid_unknown_fields=True)  # type: ignore[misc]
        self._decode: Any = msgspec.json.Decoder(body).decode

    def parse(self, body: bytes) -> ParsedRecords:
        """The records in the JSON text `body`.

        Raises:
            RecordError: they cannot be predicted; names up to 20 fields and what is wrong with each.
        """
        try:
            records = self._decode(body).records
            if len(records) == 1:
                return self.layout.one(astuple(records[0]), body)
            if 1 < len(records) <= self.max_records:
                return self.layout.many(zip(*map(astuple, records), strict=True), body)
        except _UNREADABLE:
            pass
        raise explain(body, self.fields, max_records=self.max_records)

    def openapi(self) -> dict[str, Any]:
        """The JSON schema of a request's body, with an example."""
        return request_schema(self.fields, max_records=self.max_records)


def max_records(spec: ServingSpec) -> int:
    """How many records one request may have."""
    declared = spec.declaration.get("serving")
    return (Serving.model_validate(declared) if declared else Serving()).max_records


def _record_type(fields: tuple[InputField, ...]) -> Any:
    """A struct with one attribute a field; attributes are numbered, since a column may be named like a keyword."""
    attributes: list[Any] = []
    for place, field in enumerate(fields):
        values = _values(field)
        attributes.append((f"f{place}", values) if field.required else (f"f{place}", values | UnsetType, UNSET))
    names = {f"f{place}": field.name for place, field in enumerate(fields)}
    return msgspec.defstruct("Record", attributes, rename=names, forbid_unknown_fields=True, kw_only=True, gc=False)


def _values(field: InputField) -> Any:
    """What JSON may hold for a field, as a type. A number without a fraction, such as 3.0, is whole as well."""
    if field.type == "integer":
        low, high = integer_bounds(field)
        exact, whole = Meta(ge=low, le=high), Meta(ge=float(low), le=float(high), multiple_of=1)
        return Annotated[int, exact] | Annotated[float, whole] | None
    types: dict[str, Any] = {
        "string": Annotated[str, Meta(max_length=MOST_CHARACTERS)],
        "timestamp": Annotated[datetime, Meta(tz=True)],
        "boolean": bool,
        "float": float,
    }
    return types[field.type] | None
