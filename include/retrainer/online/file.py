"""The file of one online table, and its name, which says of what it is, how that is defined and as of when."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

SUFFIX = ".online1"
"""The number is that of the format."""

_STAMP = "%Y%m%dT%H%M%S%fZ"
_NAME = re.compile(
    rf"^(?P<table>(?:lookup|window)-[a-z0-9_]+)\.(?P<definition>[0-9a-f]{{16}})\.(?P<stamp>\d{{8}}T\d{{12}}Z){SUFFIX}$"
)


class Numbers(msgspec.Struct, frozen=True, tag="n", array_like=True):
    """float64, NaN where missing."""

    data: bytes


class Times(msgspec.Struct, frozen=True, tag="t", array_like=True):
    """Microseconds since 1970 (int64), UTC, NaT where missing."""

    data: bytes


class Objects(msgspec.Struct, frozen=True, tag="o", array_like=True):
    """Texts or whole numbers, None where missing."""

    data: list[str | int | None]


Values = Numbers | Times | Objects


class TableFile(msgspec.Struct, frozen=True):
    """The rows of a look-up or window, sorted by `by`, then `since`.

    For an event counts, of the rows with its own values of `by`, the one with the latest `since` at or before the
    event's time, if that is not after `until`. Both are microseconds since 1970 (int64).
    """

    event_time: str
    """The column of the row table that holds the event's time."""
    by: dict[str, Values]
    since: bytes
    until: bytes
    values: dict[str, Values]


@dataclass(frozen=True, slots=True, order=True)
class TableName:
    """`table` is `lookup-<name>` or `window-<name>`, `stamp` its as_of: of a definition, the greatest is the newest."""

    table: str
    definition: str
    stamp: str

    @classmethod
    def of(cls, table: str, definition: str, as_of: datetime) -> "TableName":
        """The name of the table as of a moment (aware)."""
        return cls(table, definition, as_of.astimezone(UTC).strftime(_STAMP))

    @classmethod
    def parse(cls, file: str) -> "TableName | None":
        """What a file's name says; None for a file of something else."""
        found = _NAME.match(file)
        return cls(**found.groupdict()) if found else None

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.table}.{self.definition}.{self.stamp}{SUFFIX}"

    @property
    def as_of(self) -> datetime:
        """The moment (UTC) up to which the table is complete."""
        return datetime.strptime(self.stamp, _STAMP).replace(tzinfo=UTC)


def names_in(files: Iterable[str]) -> list[TableName]:
    """The names of those of `files` that are online tables."""
    return [name for name in map(TableName.parse, files) if name is not None]


def newest(names: Iterable[TableName]) -> list[TableName]:
    """Of each table and definition the newest."""
    found: dict[tuple[str, str], TableName] = {}
    for name in sorted(names):
        found[name.table, name.definition] = name
    return list(found.values())


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(TableFile).decode


def encode(table: TableFile) -> bytes:
    """The content of the file."""
    return _encode(table)


def decode(content: bytes) -> TableFile:
    """What `encode` was given.

    Raises:
        msgspec.MsgspecError: `content` is not that, or not all of it.
    """
    return _decode(content)
