"""The MLflow connection of a step, from the settings."""

from retrainer.config.runtime import RuntimeSettings
from retrainer.registry import Tracking, connect


def connect_tracking(settings: RuntimeSettings) -> Tracking:
    """A client of the tracking server that the settings name, with their limits on waiting."""
    return connect(
        settings.mlflow_uri, timeout_seconds=settings.mlflow_timeout_seconds, retries=settings.mlflow_retries
    )
