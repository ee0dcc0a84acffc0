"""Deleting for good the files that no table version in use needs any more, and staging tables of runs long over."""

import logging
import math
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from urllib.parse import unquote

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError
from pyarrow import fs

from retrainer.errors import StoreConflictError
from retrainer.snapshots.delta import open_table
from retrainer.snapshots.place import DataPlace, local_path, remove_folder

_LOG = logging.getLogger(__name__)


def vacuum(uri: str, *, keep: Collection[int], retention: timedelta) -> int:
    """Delete the files of a Delta table that nothing needs; how many bytes that freed, 0 where there is no table.

    What stays: every file of the newest version and of the versions `keep`, every file that was replaced less than
    `retention` ago, and every file that a writer that may still be at work has left there in that time. The log stays
    whole, so each of `keep` can be opened as before. Versions that the table does not have are left out of `keep`.

    Raises:
        StoreConflictError: the table could not be read or written.
    """
    table = open_table(uri)
    if table is None:
        return 0
    pinned = sorted(version for version in set(keep) if version <= table.version())
    sizes = _sizes(unquote(table.table_uri))
    try:
        doomed = [path for path in _vacuum(table, pinned, retention, dry_run=True) if path in sizes]
        if not doomed:  # files deleted before are listed again for ever: no new version of the table for these
            return 0
        _vacuum(table, pinned, retention, dry_run=False)
    except (CommitFailedError, DeltaError, OSError) as error:
        raise StoreConflictError(f"{uri} could not be vacuumed: {error}") from error
    freed = sum(sizes[path] for path in doomed)
    _LOG.info("%s: %d files deleted, %d bytes; pinned versions kept: %s", uri, len(doomed), freed, pinned or "none")
    return freed


def vacuum_model(place: DataPlace, *, keep: Mapping[str, Collection[int]], retention: timedelta) -> int:
    """Vacuum the snapshot tables of a model and its feature table; how many bytes that freed.

    `keep` has the versions in use by the name of the table, the feature table's is `features`. A table that is no
    longer declared is vacuumed too.
    """
    tables = {name: place.snapshot(name) for name in _folders(place.snapshot("")) if not name.startswith(".")}
    freed = sum(vacuum(uri, keep=keep.get(name, ()), retention=retention) for name, uri in tables.items())
    return freed + vacuum(place.features(), keep=keep.get("features", ()), retention=retention)


def remove_staging(place: DataPlace, *, before: datetime) -> int:
    """Remove the staging tables in which nothing was written since `before` (aware); how many bytes that freed."""
    freed = 0
    for table in _folders(place.staging("", "").rstrip("/")):
        for as_of_key in _folders(place.staging(table, "").rstrip("/")):
            uri = place.staging(table, as_of_key)
            files = _files(uri)
            if files and all(file.mtime < before for file in files):
                remove_folder(uri)
                freed += sum(file.size for file in files)
                _LOG.info("%s: removed", uri)
    return freed


def _vacuum(table: DeltaTable, keep: list[int], retention: timedelta, *, dry_run: bool) -> list[str]:
    """Paths below the table's folder. `full` also finds what writers that were killed left behind."""
    return table.vacuum(
        retention_hours=math.ceil(retention / timedelta(hours=1)),
        dry_run=dry_run,
        enforce_retention_duration=False,  # tables are made to keep all that replaces do not: it is decided here
        full=True,
        keep_versions=keep,
    )


def _sizes(uri: str) -> dict[str, int]:
    """Bytes of each file below a folder, by its path from there."""
    _, base = _system(uri)
    return {file.path.removeprefix(base).lstrip("/"): file.size for file in _files(uri)}


def _files(uri: str) -> list[fs.FileInfo]:
    system, base = _system(uri)
    found = system.get_file_info(fs.FileSelector(base, recursive=True, allow_not_found=True))
    return [info for info in found if info.type == fs.FileType.File]


def _folders(uri: str) -> list[str]:
    """Names of the folders in a folder; none where it is missing."""
    system, base = _system(uri.rstrip("/"))
    found = system.get_file_info(fs.FileSelector(base, allow_not_found=True))
    return sorted(info.base_name for info in found if info.type == fs.FileType.Directory)


def _system(uri: str) -> tuple[fs.FileSystem, str]:
    path = local_path(uri)
    if path is not None:
        return fs.LocalFileSystem(), str(path).rstrip("/")
    system, base = fs.FileSystem.from_uri(uri)
    return system, base.rstrip("/")
