"""The digest by which a saved model is known."""

import hashlib
from pathlib import Path


def digest_files(folder: Path) -> str:
    """SHA-256 (hex) over the names and bytes of all files under `folder`, in order of name."""
    total = hashlib.sha256()
    for path in files_of(folder):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(folder).as_posix()}\0{content}\n".encode())
    return total.hexdigest()


def files_of(folder: Path) -> list[Path]:
    """All files under `folder` in order of name, without what Python leaves there when it imports."""
    return sorted(item for item in folder.rglob("*") if item.is_file() and "__pycache__" not in item.parts)
