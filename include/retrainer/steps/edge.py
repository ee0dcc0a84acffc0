"""A registered version as a folder that answers on its own: only one whose ONNX model was shown to be equal."""

from pathlib import Path

from retrainer.config.runtime import RuntimeSettings
from retrainer.deployment import recorded_digest, standing
from retrainer.errors import ConfigurationError
from retrainer.exporting.edge import write_edge
from retrainer.ledger import Ledger
from retrainer.registry import RUNTIME, RUNTIME_NOTE, Versions, model_files
from retrainer.steps.recorded import kept_version
from retrainer.steps.reproduce import check_digest
from retrainer.steps.tracking import connect_tracking


def export_edge(settings: RuntimeSettings, model: str, *, version: int | None, to: Path) -> int:
    """Write a version of `model`, by default the champion, into the folder `to`; its number.

    Raises:
        ConfigurationError: there is no such version, no champion or no ONNX model of it that equals scikit-learn, or
            `to` is there already.
        BadDataError: its files were archived.
        UnsafeArtifactError: its files are not those that were registered.
        TrackingUnavailableError: MLflow does not answer.
    """
    entries = Ledger.open(settings.ledger_url).entries(model)
    number = version if version is not None else standing(entries).champion
    if number is None:
        raise ConfigurationError(f"{model} has no champion: name a version, such as {model}@1")
    registered = kept_version(Versions(connect_tracking(settings), model), model, number)
    if registered.tags.get(RUNTIME) != "onnx":
        why = registered.tags.get(RUNTIME_NOTE, "it was registered by an older version of Retrainer")
        raise ConfigurationError(f"v{number} of {model} has no ONNX model that is known to equal scikit-learn: {why}")
    check_digest(registered, recorded=recorded_digest(entries, number))
    with model_files(registered.source, digest=registered.digest) as files:
        write_edge(files, to, version=number, digest=registered.digest)
    return number
