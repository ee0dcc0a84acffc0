"""The base of every section of a declaration: closed, frozen, each field described for the editor."""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    Strict,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from retrainer.config.near_miss import shown

Mistake = tuple[tuple[str | int, ...], str]
"""A key, seen from the section that is checked, and what is wrong there."""

INCONSISTENT = "inconsistent"
"""Error type of a mistake that only shows when several keys are read together."""

PATTERNS = {
    r"^[a-z][a-z0-9_]{0,62}$": "lower-case letters, digits and _, a letter first, at most 63 in all",
    r"^[A-Za-z_][A-Za-z0-9_]{0,127}$": "letters, digits and _, no digit first, at most 128 in all",
    r"^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*$": "a dotted module name in lower case, such as models.my_model.features",
    r"^[^\s.;'\"]+(\.[^\s.;'\"]+){0,2}$": "a table name without quotes and spaces, such as flights or sales.orders",
    r"^[A-Za-z0-9_.\-]{1,200}$": "an id of letters, digits and _ . -",
}
"""Each pattern that a text may have to match, in words."""

_IDENTIFIER, _COLUMN, MODULE_PATTERN, _TABLE, _CONNECTION = PATTERNS

Identifier = Annotated[str, Field(pattern=_IDENTIFIER)]
"""A name that is safe as a task id, a folder and an SQL name alike."""

ColumnName = Annotated[str, Field(pattern=_COLUMN)]
"""A column of a table or of a frame."""

ModuleName = Annotated[str, Field(pattern=MODULE_PATTERN)]
"""A Python module."""

TableName = Annotated[str, Field(pattern=_TABLE)]
"""A table as the source database calls it."""

ConnectionId = Annotated[str, Field(pattern=_CONNECTION)]
"""An Airflow connection."""

Text = Annotated[str, Field(min_length=1)]
"""A text that is not empty."""

Whole = Annotated[int, Strict()]
"""A whole number; not a text that looks like one."""

Real = Annotated[float, Strict()]
"""A number; not a text that looks like one."""

Flag = Annotated[bool, Strict()]
"""true or false."""

Fraction = Annotated[float, Strict(), Field(ge=0, le=1)]
"""A share, 0 to 1."""


def _scalar(value: object) -> object:
    if value is not None and not isinstance(value, str | int | float | bool):
        raise ValueError("must be a text, a number, true, false or null")
    return value


Scalar = Annotated[str | int | float | bool | None, BeforeValidator(_scalar)]
"""A text, a number, true, false or null."""


def _all_different(values: tuple[str, ...]) -> tuple[str, ...]:
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"named twice: {', '.join(repeated)}")
    return values


ColumnNames = Annotated[tuple[ColumnName, ...], AfterValidator(_all_different)]
"""Columns, each once."""

SomeColumns = Annotated[tuple[ColumnName, ...], Field(min_length=1), AfterValidator(_all_different)]
"""At least one column, each once."""

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"^(\d{1,6})\s*([smhd])$", re.ASCII)


def _parse_duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str) and (match := _DURATION.match(value.strip())):
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    raise ValueError(f"must be a number and one of s, m, h, d, such as 90m or 14d, got {shown(value)}")


def format_duration(value: timedelta) -> str:
    """As a declaration has it, such as `90m`."""
    seconds = int(value.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


def _above_zero(value: timedelta) -> timedelta:
    if not value:
        raise ValueError("must be longer than 0")
    return value


DURATION_PATTERN = r"^\d{1,6}\s*[smhd]$"
_DURATION_SCHEMA = {"type": "string", "pattern": DURATION_PATTERN, "examples": ["90m", "14d"]}

Duration = Annotated[
    timedelta, BeforeValidator(_parse_duration), PlainSerializer(format_duration), WithJsonSchema(_DURATION_SCHEMA)
]
"""A length of time such as `90m`, `6h` or `14d`; `0s` is one."""

Length = Annotated[Duration, AfterValidator(_above_zero), WithJsonSchema(_DURATION_SCHEMA)]
"""A length of time that is longer than nothing."""


class Section(BaseModel):
    """A closed, frozen part of a declaration."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,  # a URL may hold a password, and a chained traceback shows the error as it is
    )


def refuse(section: str, mistakes: Iterable[Mistake]) -> None:
    """Report every one of `mistakes` at its own key; for validators that read several keys together.

    Raises:
        ValidationError: there is at least one.
    """
    details = [
        InitErrorDetails(type=PydanticCustomError(INCONSISTENT, "{message}", {"message": message}), loc=key, input=None)
        for key, message in mistakes
    ]
    if details:
        raise ValidationError.from_exception_data(section, details)
