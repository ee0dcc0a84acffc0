"""Whether two saved models hold the same, where their files cannot be equal."""

import hashlib
import json
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from retrainer.contracts import digest_json
from retrainer.saved.load import MODEL_FILE

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

_SCHEMA = "schema.json"
_ADDRESS = "__id__"


def saved_content_digest(model: Path) -> str:
    """SHA-256 (hex) of the content of the model saved in a folder: the same for two models of the same content.

    A skops file is a zip with the times of its members; it tells objects apart by their addresses in memory and names
    arrays after them. Here arrays go by their bytes, and which objects are one in memory does not count.
    """
    return _content_digest(model / MODEL_FILE)


def content_digest(pipeline: "Pipeline") -> str:
    """What `saved_content_digest` would give for `pipeline`, were it saved."""
    import skops.io

    with tempfile.TemporaryDirectory(prefix="retrainer-content-") as scratch:
        file = Path(scratch, MODEL_FILE)
        skops.io.dump(pipeline, file)
        return _content_digest(file)


def _content_digest(file: Path) -> str:
    with zipfile.ZipFile(file) as archive:
        members = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
        return digest_json(_content(json.loads(archive.read(_SCHEMA)), members))


def _content(value: JsonValue, members: dict[str, str]) -> JsonValue:
    """`value` without addresses, and with the digests of members of the zip in the place of their names."""
    if isinstance(value, list):
        return [_content(item, members) for item in value]
    if isinstance(value, dict):
        return {key: _content(item, members) for key, item in value.items() if key != _ADDRESS}
    return members.get(value, value) if isinstance(value, str) else value
