"""Where online tables lie: in the data of the model, and copied to the home of the server."""

from pathlib import Path


def online_uri(data_uri: str, model: str) -> str:
    """URI of the folder of a model's online tables."""
    return "/".join((data_uri.rstrip("/"), model, "online"))


def online_folder(home: Path, model: str) -> Path:
    """The server's copy of it."""
    return home / "serving" / model / "online"
