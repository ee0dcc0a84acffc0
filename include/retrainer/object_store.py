"""Is the object store there, and may we use it? Asked once at the start of a step, with an answer in seconds.

Left to themselves the libraries try again for minutes before they say that a store does not answer, and each says it in
its own words.
"""

import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING

from retrainer.errors import ConfigurationError, StoreUnavailableError

if TYPE_CHECKING:
    from pyarrow import fs

_SECONDS = 10.0
_DENIED = ("ACCESS_DENIED", "INVALID_ACCESS_KEY_ID", "SIGNATURE_DOES_NOT_MATCH", "UNRECOGNIZED_CLIENT", "Forbidden")
_HINT = "Settings: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a role."


def check_store(uri: str, environ: Mapping[str, str]) -> None:
    """Does the store of a data folder answer, and may it be read? Nothing is asked where the folder is no bucket's.

    Raises:
        StoreUnavailableError: the store does not answer within ten seconds.
        ConfigurationError: there is no such bucket, or we may not read it.
    """
    if not uri.startswith("s3://"):
        return
    _ask(_endpoint(environ))
    from pyarrow import fs

    try:
        system, path = fs.FileSystem.from_uri(uri)
        found = system.get_file_info(path.rstrip("/")).type
    except OSError as error:
        raise _translated(uri, error) from error
    bucket = path.partition("/")[0]
    if found == fs.FileType.NotFound and _is_missing(system, bucket):
        raise ConfigurationError(f"there is no bucket {bucket!r} (RETRAINER_DATA_URI is {uri})", hint=_HINT)


def _is_missing(system: "fs.FileSystem", bucket: str) -> bool:
    """Is it known that there is no such bucket? Who may only use a folder of it is not told."""
    from pyarrow import fs

    try:
        return bool(system.get_file_info(bucket).type == fs.FileType.NotFound)
    except OSError:
        return False


def _endpoint(environ: Mapping[str, str]) -> str:
    """The address that is asked, without the bucket."""
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"):
        if environ.get(name):
            return environ[name]
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return f"https://s3.{region}.amazonaws.com"


def _ask(endpoint: str) -> None:
    """Wait for any answer."""
    if not endpoint.startswith(("http://", "https://")):
        raise ConfigurationError(f"AWS_ENDPOINT_URL must be http://... or https://..., got {endpoint!r}")
    request = urllib.request.Request(endpoint, method="HEAD")  # noqa: S310 the scheme is checked above
    try:
        urllib.request.urlopen(request, timeout=_SECONDS).close()  # noqa: S310
    except urllib.error.HTTPError as error:  # an answer too: it asks who we are
        error.close()
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise StoreUnavailableError(f"the object store at {endpoint} does not answer: {reason}", hint=_HINT) from error


def _translated(uri: str, error: OSError) -> ConfigurationError | StoreUnavailableError:
    said = str(error)
    if any(word in said for word in _DENIED):
        return ConfigurationError(f"the object store does not let us read {uri}: {said}", hint=_HINT)
    return StoreUnavailableError(f"{uri} cannot be read: {said}", hint=_HINT)
