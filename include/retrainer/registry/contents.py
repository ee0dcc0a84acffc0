"""Whether two saved models hold the same, where their files cannot be equal."""

import hashlib
import json
import tempfile
import zipfile
from pathlib import Path

import skops.io
from pydantic import JsonValue
from sklearn.pipeline import Pipeline

from retrainer.contracts import digest_json
from retrainer.registry.artifact import MODEL_FILE

_SCHEMA = "schema.json"
_IDENTITY = "__id__"


def saved_content_digest(model: Path) -> str:
    """SHA-256 (hex) of the content of the model saved in a folder: the same for two models of the same content.

    A skops file is a zip with the times of its members; it numbers objects by their addresses in memory and names
    arrays after them. Here objects are numbered in the order in which they come, and arrays go by their bytes.
    """
    return _content_digest(model / MODEL_FILE)


def content_digest(pipeline: Pipeline) -> str:
    """What `saved_content_digest` would give for `pipeline`, were it saved."""
    with tempfile.TemporaryDirectory(prefix="retrainer-content-") as scratch:
        file = Path(scratch, MODEL_FILE)
        skops.io.dump(pipeline, file)
        return _content_digest(file)


def _content_digest(file: Path) -> str:
    with zipfile.ZipFile(file) as archive:
        members = {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
        return digest_json(_renamed(json.loads(archive.read(_SCHEMA)), members, {}))


def _renamed(value: JsonValue, members: dict[str, str], numbers: dict[str, JsonValue]) -> JsonValue:
    """`value` with objects numbered from 0, and members of the zip replaced by their digests."""
    if isinstance(value, list):
        return [_renamed(item, members, numbers) for item in value]
    if not isinstance(value, dict):
        return value
    renamed: dict[str, JsonValue] = {}
    for key, item in value.items():
        if key == _IDENTITY:
            renamed[key] = numbers.setdefault(str(item), len(numbers))
        elif key == "file" and isinstance(item, str):
            renamed[key] = members.get(item, item)
        else:
            renamed[key] = _renamed(item, members, numbers)
    return renamed
