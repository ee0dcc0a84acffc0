"""Where predictions lie: segments in the home of the server, then rows in the data of the model."""

from pathlib import Path


def log_folder(home: Path) -> Path:
    """Folder of the segments of all models of a server; each model has a folder of its own in it."""
    return home / "serving" / "predictions"


def predictions_uri(data_uri: str, model: str) -> str:
    """URI of the Delta table of a model's predictions, one partition per day (UTC)."""
    return "/".join((data_uri.rstrip("/"), model, "predictions"))
