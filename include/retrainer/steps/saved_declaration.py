"""The declaration that was kept with a version when it was trained."""

import json

from pydantic import JsonValue, ValidationError

from retrainer.config.declaration import ModelConfig
from retrainer.errors import BadDataError, ConfigurationError
from retrainer.registry import Tracking, Version, download

CONFIG_FILE = "config.json"


def saved_declaration(tracking: Tracking, version: Version) -> tuple[dict[str, JsonValue], ModelConfig]:
    """The declaration of a version as it was kept, and the same, read.

    Raises:
        BadDataError: it is gone.
        ConfigurationError: this software does not understand it.
        TrackingUnavailableError: MLflow does not answer.
    """
    kept = download(tracking, version.run_id, CONFIG_FILE)
    if kept is None:
        raise not_whole(version, f"run {version.run_id} has no {CONFIG_FILE}")
    try:
        declared = json.loads(kept)
        return declared, ModelConfig.model_validate(declared)
    except (ValueError, ValidationError) as error:
        raise ConfigurationError(
            f"{CONFIG_FILE} of v{version.version} of {version.name} is no declaration that this software understands: "
            f"{error}",
            hint=f"Check out commit {version.tags.get('retrainer.commit') or '(unknown)'}, which made it.",
        ) from error


def not_whole(version: Version, why: str) -> BadDataError:
    """The error that says that the record of a version is not whole."""
    return BadDataError(f"the record of v{version.version} of {version.name} is not whole: {why}")
