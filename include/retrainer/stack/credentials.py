"""The generated password and keys of the local Airflow: made once, kept in home, readable by their owner only."""

import base64
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from retrainer.errors import StackError

USERNAME = "admin"
"""The only user of the local Airflow."""

PASSWORD_FILE = "airflow-password.json"  # noqa: S105 the name of a file
"""File in home that holds the password, as Airflow's SimpleAuthManager reads it: {"admin": "..."}."""

_KEYS_FILE = "airflow-keys.json"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secrets of the local Airflow."""

    password: str
    fernet_key: str
    api_secret_key: str
    jwt_secret: str

    def __repr__(self) -> str:
        return "Credentials(...)"


def read_credentials(home: Path) -> Credentials:
    """The credentials kept in `home`, generated where there are none yet.

    Raises:
        StackError: a file of credentials is damaged.
    """
    passwords = _read_or_create(home / PASSWORD_FILE, {USERNAME: secrets.token_urlsafe(18)})
    keys = {
        "fernet_key": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "api_secret_key": secrets.token_urlsafe(32),
        "jwt_secret": secrets.token_urlsafe(64),
    }
    return Credentials(password=passwords[USERNAME], **_read_or_create(home / _KEYS_FILE, keys))


def private_folder(path: Path) -> Path:
    """`path` as a folder of this user that nobody else can look into; made where it is missing.

    Raises:
        StackError: it belongs to somebody else or is not a folder.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
        if status.st_uid == os.getuid() and status.st_mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        raise StackError(f"{path} cannot be made or used as a folder: {error.strerror}") from error
    if status.st_uid != os.getuid():
        raise StackError(f"{path} belongs to another user (uid {status.st_uid}): its sockets could be replaced")
    return path


def _read_or_create(path: Path, generated: dict[str, str]) -> dict[str, str]:
    """The values in `path`; `generated`, which it then has, where there is no such file. Two callers get the same."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    if not path.exists():
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(generated, stream)
        try:
            os.link(part, path)
        except FileExistsError:  # another process was first: its values count
            pass
        finally:
            part.unlink()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {name: str(content[name]) for name in generated}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise StackError(f"{path} cannot be read: {error!r}", hint="Delete it, and a new one is made.") from error
