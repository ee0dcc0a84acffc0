"""The verified local copy of a version: what the server loads, and what it still has when all else is down.

<home>/serving/<model>/v<N>-<digest[:12]>/ has `spec.json`, the model file, `code/` (the model's own modules as saved
with it), `checks.json` (what it has to answer) and `files.json`, the SHA-256 of each of these. A copy is made beside
its place and renamed into it, so it is there as a whole or not at all.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import JsonValue, ValidationError

from retrainer.config.evaluation import CanonicalCase
from retrainer.contracts import Contract, ServingSpec
from retrainer.errors import UnsafeArtifactError

SPEC_FILE = "spec.json"
CHECKS_FILE = "checks.json"
FILES_FILE = "files.json"
ASSIGNMENT_FILE = "assignment.json"
_DIGITS = 12
_LEFT_OVER_SECONDS = 3600.0


class Sample(Contract):
    """Records, and what the version said of them when it was trained."""

    records: tuple[dict[str, JsonValue], ...]
    outputs: tuple[float, ...]


class Checks(Contract):
    """What a version has to answer before it serves."""

    canonical: tuple[CanonicalCase, ...]
    sample: Sample


def serving_folder(home: Path) -> Path:
    """Where the server keeps what it has to have when all else is down."""
    return home / "serving"


def copy_name(version: int, digest: str) -> str:
    """Name of the folder of a version whose registered files have that digest."""
    return f"v{version}-{digest[:_DIGITS]}"


def seal(folder: Path) -> None:
    """Write down the digest of every file in `folder`."""
    digests = {name: _digest(folder / name) for name in _names(folder)}
    (folder / FILES_FILE).write_text(json.dumps(digests, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def verify(folder: Path) -> ServingSpec:
    """The spec of the copy in `folder`, every file of which is what was written down when it was made.

    Raises:
        UnsafeArtifactError: there is no such copy, or a file of it was changed, removed or added.
    """
    try:
        recorded = json.loads((folder / FILES_FILE).read_bytes())
        found = {name: _digest(folder / name) for name in _names(folder)}
    except (OSError, ValueError) as error:
        raise UnsafeArtifactError(f"the local copy {folder} cannot be read: {error}") from error
    changed = sorted(name for name in {*recorded, *found} if recorded.get(name) != found.get(name))
    if changed:
        raise UnsafeArtifactError(f"the local copy {folder} was changed after it was verified: {', '.join(changed)}")
    try:
        return ServingSpec.from_json((folder / SPEC_FILE).read_bytes())
    except (OSError, ValidationError) as error:
        raise UnsafeArtifactError(f"the local copy {folder} has no usable {SPEC_FILE}: {error}") from error


def read_checks(folder: Path) -> Checks:
    """What the version in `folder` has to answer."""
    return Checks.from_json((folder / CHECKS_FILE).read_bytes())


@contextmanager
def scratch_beside(folder: Path) -> Iterator[Path]:
    """An empty folder in which to make what is to become `folder`, gone at the end if it was not moved away."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=folder.parent, ignore_cleanup_errors=True) as scratch:
        yield Path(scratch)


def remove_leftovers(folder: Path) -> None:
    """Delete what processes that were killed left half made in the serving folder, unless it may still be made."""
    for path in [*folder.glob("*/.making-*"), *folder.glob("*/.writing-*")]:
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _LEFT_OVER_SECONDS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def write_atomically(file: Path, text: str) -> None:
    """`text` as the content of `file`, which is the old or the new one at each moment, on disk too."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, prefix=".writing-", delete=False) as new:
        new.write(text)
        new.flush()
        os.fsync(new.fileno())
    Path(new.name).replace(file)


def _names(folder: Path) -> list[str]:
    """Every file under `folder` by its path in it, without the list of them.

    Raises:
        ValueError: one is a link: it could point to something else tomorrow.
    """
    files = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    for path in files:
        if path.is_symlink():
            raise ValueError(f"{path.name} is a link")
    return sorted(path.relative_to(folder).as_posix() for path in files if path != folder / FILES_FILE)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
