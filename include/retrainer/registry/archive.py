"""Deleting the files of a version for good. Its record, its run and all that was logged of it stay."""

from collections.abc import Iterator

from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from retrainer.registry.client import Tracking, translated
from retrainer.registry.versions import Version, logged_model_id


def delete_files(tracking: Tracking, version: Version) -> int:
    """Delete the saved model behind a version; how many bytes that freed, 0 where it was deleted before.

    MLflow itself only ever marks a model as deleted, so its artifact store is asked.

    Raises:
        TrackingUnavailableError: MLflow or its artifact store failed. Some of the files may be gone.
    """
    with translated(f"deleting the files of {version.name} version {version.version}"):
        store = get_artifact_repository(_location(tracking, version), tracking.uri, tracking.uri)
        sizes = list(_sizes(store, None))
        if sizes:
            store.delete_artifacts()  # type: ignore[no-untyped-call]
        return sum(sizes)


def _location(tracking: Tracking, version: Version) -> str:
    """Where the artifact store has the files."""
    model_id = logged_model_id(version.source)
    if model_id is None:
        return version.source
    return str(tracking.client.get_logged_model(model_id).artifact_location)


def _sizes(store: ArtifactRepository, folder: str | None) -> Iterator[int]:
    """Bytes of each file."""
    for item in store.list_artifacts(folder):
        if item.is_dir:
            yield from _sizes(store, item.path)
        else:
            yield item.file_size or 0
