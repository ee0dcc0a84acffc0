"""The online tables of a model in a server's memory, read again when newer ones are there."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from retrainer.columns import Columns
from retrainer.online.file import SUFFIX, TableName, decode, names_in, newest
from retrainer.online.index import IndexedTable, Rows
from retrainer.online.place import online_folder

_LOG = logging.getLogger(__name__)
_NO_KEYS: Columns = MappingProxyType({})
_JOIN_SECONDS = 5.0

Mask = NDArray[np.bool_]
_Seen = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What was read: one value, exchanged by one assignment. `seen` are the files' times and sizes."""

    seen: Mapping[str, _Seen] = field(default_factory=dict)
    tables: tuple[IndexedTable, ...] = ()
    newest: tuple[IndexedTable, ...] = ()
    """Of each look-up and window the one of the newest definition."""

    @classmethod
    def of(cls, seen: Mapping[str, _Seen], tables: Iterable[IndexedTable]) -> "_Loaded":
        every = tuple(sorted(tables, key=lambda table: table.name.stamp))
        return cls(seen, every, tuple({table.name.table: table for table in every}.values()))

    def chosen(self, definitions: Mapping[str, str] | None) -> Iterable[IndexedTable]:
        """The tables of these definitions; without any, the newest."""
        if definitions is None:
            return self.newest
        return [each for each in self.tables if definitions.get(each.name.table) == each.name.definition]


class OnlineTables:
    """The tables of one model, of which `folder` holds the files. Any thread may `fill` while another one refreshes."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._loaded = _Loaded()
        self.refresh()

    def refresh(self) -> bool:
        """Read the files that are new; whether there were any.

        A file that cannot be read, and a folder that is empty or gone, leave what was read before.
        """
        seen = _files(self._folder)
        if not seen or seen == self._loaded.seen:
            return False
        before = {(each.name.table, each.name.definition): each for each in self._loaded.tables}
        wanted = newest(names_in(seen))
        found = [self._read(name, seen, before.get((name.table, name.definition))) for name in wanted]
        self._loaded = _Loaded.of(seen, [table for table in found if table is not None])
        return True

    def fill(
        self,
        columns: Columns,
        missing: Mapping[str, Mask],
        *,
        keys: Columns = _NO_KEYS,
        definitions: Mapping[str, str] | None = None,
    ) -> dict[str, NDArray[Any]]:
        """`columns`, in which the values that `missing` marks are what is known for the row at its event time.

        Where the key is not known, or what is known of it is too old, the value is missing. Columns that no table has
        stay as they are.

        Args:
            columns: one value a row, text as str or None, time as datetime64, number as float64.
            missing: by column the rows whose value is to be looked up.
            keys: further columns that may be looked up by; an event time that is missing among them is now.
            definitions: those of the version that is to answer; without them the newest tables are taken.
        """
        filled = dict(columns)
        rows = Rows(columns, keys, now=int(self._clock() * 1e6))
        for table in self._loaded.chosen(definitions):
            wanted = [name for name in table.columns if name in missing]
            if wanted:
                places = table.places(rows)
                for name in wanted:
                    found = table.values(name, places)
                    mask = missing[name]
                    is_whole = mask[0] if len(places) == 1 else mask.all()
                    filled[name] = found if is_whole else np.where(mask, found, columns[name])
        return filled

    def names(self) -> list[TableName]:
        """What has been read, for those who want to know how old it is."""
        return [table.name for table in self._loaded.tables]

    def _read(self, name: TableName, seen: Mapping[str, _Seen], before: IndexedTable | None) -> IndexedTable | None:
        if before is not None and before.name == name and self._loaded.seen.get(name.file) == seen[name.file]:
            return before
        try:
            return IndexedTable(name, decode((self._folder / name.file).read_bytes()))
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            _LOG.error("online table %s cannot be read: %s", name.file, error)
            return before


class Online:
    """The online tables of every model of a server; a thread of its own looks for newer ones."""

    def __init__(self, home: Path, *, poll_seconds: float = 1.0) -> None:
        self._home = home
        self._poll_seconds = poll_seconds
        self._tables: dict[str, OnlineTables] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="online-tables", daemon=True)
        self._thread.start()

    def tables(self, model: str) -> OnlineTables:
        """The tables of a model; the first call reads them."""
        found = self._tables.get(model)
        return found or self._tables.setdefault(model, OnlineTables(online_folder(self._home, model)))

    def fill(
        self,
        model: str,
        columns: Columns,
        missing: Mapping[str, Mask],
        *,
        keys: Columns = _NO_KEYS,
        definitions: Mapping[str, str] | None = None,
    ) -> dict[str, NDArray[Any]]:
        """See OnlineTables.fill."""
        return self.tables(model).fill(columns, missing, keys=keys, definitions=definitions)

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join(_JOIN_SECONDS)

    def _work(self) -> None:
        while not self._stop.wait(self._poll_seconds):
            for tables in list(self._tables.values()):
                try:
                    tables.refresh()
                except Exception:  # noqa: BLE001 without this thread the tables would grow old unseen
                    _LOG.exception("online tables cannot be refreshed")


def _files(folder: Path) -> dict[str, _Seen]:
    found: dict[str, _Seen] = {}
    for path in folder.glob(f"*{SUFFIX}"):
        with suppress(FileNotFoundError):  # a newer one took its place just now
            stat = path.stat()
            found[path.name] = (stat.st_mtime_ns, stat.st_size)
    return found
