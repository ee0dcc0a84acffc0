"""What a container is told about its surroundings, and whether what it is told can be true in there."""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from retrainer.config.runtime import RuntimeSettings
from retrainer.errors import ConfigurationError

_LOOPBACK = ("127.0.0.1", "localhost", "::1")

_HOME = "/var/lib/retrainer"
"""RETRAINER_HOME of the images."""


def refuse_unreachable(places: Mapping[str, str], *, mounted: Iterable[str], has_own_network: bool) -> None:
    """Look at addresses before a container tries them for minutes, or writes into a folder that nobody else sees.

    Args:
        places: addresses by the name of their setting. They may hold passwords.
        mounted: folders that the container shares with others.
        has_own_network: 127.0.0.1 is the container itself.

    Raises:
        ConfigurationError: one is a folder or file that is not mounted, or an address of this machine alone.
    """
    shared = [PurePosixPath(folder) for folder in mounted]
    for name, address in places.items():
        path = _local_path(address)
        if path is not None and not any(path.is_relative_to(folder) for folder in shared):
            raise ConfigurationError(
                f"{name} is {path}, which the step's container would have for itself: no mount is there",
                hint="Mount what is to be shared there in the declaration's runtime section, or use a server.",
            )
        if path is None and has_own_network and urlsplit(address).hostname in _LOOPBACK:
            raise ConfigurationError(
                f"{name} is at {urlsplit(address).hostname}, which in the step's container is the container itself",
                hint="Give it the name or the address by which the container's network knows it.",
            )


def places(settings: RuntimeSettings, *, is_served: bool) -> dict[str, str]:
    """The addresses without secrets that every step of a model may need, by the name of their setting."""
    found = {"data_uri": settings.data_uri, "mlflow_uri": settings.mlflow_uri}
    return found | {"serving_uri": settings.serving_uri} if is_served and settings.has_server else found


def prediction_folder(environment: Mapping[str, str]) -> dict[str, str]:
    """Where a step in a container with this environment looks for what the model server logged."""
    return {"the log of predictions": f"{environment.get('RETRAINER_HOME', _HOME)}/serving/predictions"}


def _local_path(address: str) -> PurePosixPath | None:
    """The file or folder that `address` is, where it is one."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        return PurePosixPath(address)
    if scheme == "file" or scheme.startswith("sqlite"):
        return PurePosixPath("/" + rest.lstrip("/"))
    return None
