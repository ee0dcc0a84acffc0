"""The keys of the model server's API: made here, shown once, and kept as hashes only."""

import fcntl
import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter, ValidationError

from retrainer.config.section import Section
from retrainer.errors import ConfigurationError

Role = Literal["predict", "admin"]
"""predict: predictions, status and metrics. admin: all of that, and releases."""


class ApiKey(Section):
    """What is known of a key: enough to recognise it, not enough to use it."""

    id: str
    role: Role
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Of the key, which is 256 random bits: nobody can guess it, so a slow hash would protect nothing."""
    created_at: AwareDatetime


_SHORTEST = 32
"""Characters of a key that was made elsewhere: nobody is to get in by guessing."""

_KEYS = TypeAdapter(tuple[ApiKey, ...])


def keys_file(home: Path) -> Path:
    """Where the keys of the server of `home` are. As soon as there is such a file, the server demands keys."""
    return home / "serving" / "keys.json"


def digest_key(text: str) -> str:
    """The hash by which a key is recognised."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_keys(file: Path) -> tuple[ApiKey, ...]:
    """The keys in `file`; none where there is no such file.

    Raises:
        ConfigurationError: it cannot be read, or is not a file of keys.
    """
    try:
        return _KEYS.validate_json(file.read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not what `retrainer keys` writes"
        raise ConfigurationError(
            f"{file} cannot be read: {reason}", hint="Delete it and make new keys: retrainer keys new predict"
        ) from error


def make_key(file: Path, role: Role, *, replace: bool = False) -> tuple[ApiKey, str]:
    """A new key in `file`, and its text, which is nowhere else. `replace` drops the others of its role.

    Raises:
        ConfigurationError: `file` cannot be read.
    """
    name = secrets.token_hex(4)
    text = f"retrainer-{role}-{name}-{secrets.token_urlsafe(32)}"
    return _add(file, ApiKey(id=name, role=role, sha256=digest_key(text), created_at=_now()), replace=replace), text


def keep_key(file: Path, role: Role, text: str, *, replace: bool = False) -> ApiKey:
    """The key with the text `text`, made elsewhere, in `file`; once, however often it is kept. `replace` as above.

    Raises:
        ConfigurationError: `text` could be guessed, or `file` cannot be read.
    """
    if len(text) < _SHORTEST or not text.isascii() or not text.isprintable() or " " in text:
        raise ConfigurationError(
            f"a key must be at least {_SHORTEST} printable ASCII characters without a space, got {len(text)} characters"
        )
    digest = digest_key(text)
    return _add(file, ApiKey(id=digest[:8], role=role, sha256=digest, created_at=_now()), replace=replace)


def drop_key(file: Path, name: str) -> tuple[ApiKey, ...]:
    """Drop the key with the id `name`; the keys that are left.

    Raises:
        ConfigurationError: there is no such key, or `file` cannot be read.
    """
    with _locked(file):
        keys = read_keys(file)
        left = tuple(key for key in keys if key.id != name)
        if len(left) == len(keys):
            known = ", ".join(key.id for key in keys) or "none"
            raise ConfigurationError(f"there is no key with the id {name!r} (there are: {known})")
        _write(file, left)
    return left


def _add(file: Path, key: ApiKey, *, replace: bool) -> ApiKey:
    """`key` in `file`, where it may be already."""
    with _locked(file):
        kept = [old for old in read_keys(file) if not (replace and old.role == key.role)]
        _write(file, [*(old for old in kept if old.sha256 != key.sha256), key])
    return key


def _now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """One process at a time changes the keys."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(f"{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _write(file: Path, keys: Iterable[ApiKey]) -> None:
    """Replace `file` as a whole; only its owner may read it."""
    content = [key.model_dump(mode="json") for key in keys]
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=file.parent, prefix=".keys-", delete=False) as new:
        json.dump(content, new, indent=2)
        new.write("\n")
        new.flush()
        os.fsync(new.fileno())
    Path(new.name).replace(file)
