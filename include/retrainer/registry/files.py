"""The files of a saved model, out of MLflow: used only if the digest of all of them is the recorded one."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow.artifacts

from retrainer.errors import UnsafeArtifactError
from retrainer.registry.client import translated
from retrainer.saved import LoadedModel, digest_files, load_saved


def load_model(model_uri: str, *, digest: str) -> LoadedModel:
    """Download a model, check it, load it.

    Raises:
        TrackingUnavailableError: MLflow does not give the files.
        UnsafeArtifactError: the files are gone, differ from `digest`, or hold types that nobody reviewed.
    """
    with model_files(model_uri, digest=digest) as folder:
        return load_saved(folder)


@contextmanager
def model_files(model_uri: str, *, digest: str) -> Iterator[Path]:
    """The folder of a saved model, downloaded for the time being and checked; see `load_model` for what it raises."""
    with tempfile.TemporaryDirectory(prefix="retrainer-model-") as scratch:
        with translated(f"downloading {model_uri}"):
            folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=model_uri, dst_path=scratch))
        if not any(folder.iterdir()):
            raise UnsafeArtifactError(f"{model_uri} has no files any more: they were archived, or deleted by hand")
        found = digest_files(folder)
        if found != digest:
            raise UnsafeArtifactError(
                f"{model_uri} was changed after it was registered: digest {found}, recorded {digest}",
                hint="It was not loaded. Roll back to a version whose files are intact, or train again.",
            )
        yield folder
