"""Where data lie: URIs of tables and reports under the data folder, and files written whole or not at all."""

import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from pyarrow import fs


@dataclass(frozen=True)
class DataPlace:
    """The data of one model. `data_uri` is a local folder or the URI of one in an object store."""

    data_uri: str
    model: str

    def snapshot(self, table: str) -> str:
        """URI of the Delta table of validated rows, one partition per interval."""
        return self._uri("snapshots", table)

    def features(self) -> str:
        """URI of the Delta table of features, one partition per interval."""
        return self._uri("features")

    def staging(self, table: str, as_of_key: str) -> str:
        """URI of the Delta table of rows just extracted for one as_of."""
        return self._uri("staging", table, as_of_key)

    def quarantine(self, table: str, key: str) -> str:
        """URI of the Delta table of the rows of one partition that did not pass validation."""
        return self._uri("quarantine", table, key)

    def report(self, as_of_key: str, name: str) -> str:
        """URI of the folder of one validation's report."""
        return self._uri("validation", as_of_key, name)

    def monitoring(self, *names: str) -> str:
        """URI of a file that monitoring keeps, or of its folder."""
        return self._uri("monitoring", *names)

    def _uri(self, *parts: str) -> str:
        return "/".join((self.data_uri.rstrip("/"), self.model, *parts))


def local_path(uri: str) -> Path | None:
    """The path behind a URI, or None where it is not in the local file system."""
    if uri.startswith("file://"):
        return Path(uri.removeprefix("file://"))
    return None if "://" in uri else Path(uri)


def write_file(uri: str, content: bytes) -> None:
    """Write a file so that a reader finds the old content, or all of the new, and never a part of it."""
    path = local_path(uri)
    if path is None:
        system, key = fs.FileSystem.from_uri(uri)
        with system.open_output_stream(key) as stream:  # an object appears when its stream is closed
            stream.write(content)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with temporary.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_file(uri: str) -> bytes | None:
    """The content of a file; None where there is none."""
    path = local_path(uri)
    if path is not None:
        return path.read_bytes() if path.is_file() else None
    system, key = fs.FileSystem.from_uri(uri)
    if system.get_file_info(key).type != fs.FileType.File:
        return None
    with system.open_input_stream(key) as stream:
        content: bytes = stream.read()
    return content


def file_names(uri: str) -> list[str]:
    """Names of the files in a folder, in order; none where it is missing."""
    path = local_path(uri)
    system, base = (fs.LocalFileSystem(), str(path)) if path is not None else fs.FileSystem.from_uri(uri)
    found = system.get_file_info(fs.FileSelector(base, allow_not_found=True))
    return sorted(info.base_name for info in found if info.type == fs.FileType.File)


def remove_folder(uri: str) -> bool:
    """Remove a folder and all in it; whether there was one."""
    path = local_path(uri)
    if path is None:
        system, key = fs.FileSystem.from_uri(uri)
        if system.get_file_info(key).type == fs.FileType.NotFound:
            return False
        system.delete_dir(key)
        return True
    if not path.is_dir():
        return False
    doomed = path.with_name(f".{path.name}.{uuid.uuid4().hex}.removed")
    path.rename(doomed)  # gone at once; what is killed in mid-removal is no longer found under its name
    shutil.rmtree(doomed)
    return True
