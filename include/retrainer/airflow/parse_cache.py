"""What the last parse of the declarations came to, kept as long as nothing that it was derived from has changed.

Airflow parses every DAG file anew each half minute, and once in every task process. Reading and checking declarations
takes twice as long as making DAGs of them; finding out that none of 100 has changed takes a few milliseconds.
"""

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_SUFFIXES = (".py", ".yaml", ".yml")

_SETTLED_NS = 2 * 10**9

Signature = list[object] | None
"""Of a file: modified, changed (ns), size, inode. Of a folder: names and signatures of what is in it. None: is not."""


@dataclass(frozen=True, slots=True)
class ParseCache:
    """One JSON file, replaced as a whole.

    Args:
        path: where it is. Its folder may be missing: then nothing is kept.
        circumstances: what the result depends on besides files, such as environment variables.
    """

    path: Path
    circumstances: Mapping[str, str]

    def read(self) -> dict[str, object] | None:
        """What was kept, if it is still true."""
        try:
            kept = json.loads(self.path.read_bytes())
            if kept["circumstances"] != self.circumstances:
                return None
            if any(signature(name) != as_it_was for name, as_it_was in kept["watched"].items()):
                return None
            value = kept["value"]
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return value if isinstance(value, dict) else None

    def write(self, value: Mapping[str, object], *, watched: Mapping[str, Signature]) -> None:
        """Keep `value`, derived from the files and folders `watched`, whose signatures were taken before."""
        if _newest(list(watched.values())) > time.time_ns() - _SETTLED_NS:
            return  # it may change again without a trace, within one tick of the file system's clock
        content = {"circumstances": dict(self.circumstances), "watched": watched, "value": value}
        with contextlib.suppress(OSError):
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    json.dump(content, file)
                os.replace(name, self.path)  # noqa: PTH105
            except BaseException:
                os.unlink(name)  # noqa: PTH108
                raise


def signatures(paths: Iterable[Path]) -> dict[str, Signature]:
    """The signature of each path, by its name."""
    return {str(path): signature(str(path)) for path in paths}


def signature(path: str) -> Signature:
    """What changes when the file changes, or any Python or YAML file at or below the folder."""
    try:
        if os.path.isdir(path):  # noqa: PTH112
            return _folder(path)
        stat = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return _of(stat)


def _folder(path: str) -> Signature:
    found: list[object] = []
    with os.scandir(path) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.endswith(_SUFFIXES):
                found.append([entry.name, _of(entry.stat())])
            elif not entry.name.startswith((".", "__")) and entry.is_dir():
                found.append([entry.name, _folder(entry.path)])
    return found


def _of(stat: os.stat_result) -> list[object]:
    return [stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino]


def _newest(of: object) -> int:
    """The latest time in signatures, in nanoseconds since 1970."""
    if not isinstance(of, list) or not of:
        return 0
    modified, changed = of[:2] if isinstance(of[0], int) else (0, 0)
    return max(modified, changed, *map(_newest, of))
