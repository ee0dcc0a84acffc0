"""Versions of a model in the MLflow registry, and the aliases that mirror the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INVALID_PARAMETER_VALUE,
    RESOURCE_ALREADY_EXISTS,
    RESOURCE_DOES_NOT_EXIST,
    ErrorCode,
)

from retrainer.registry.client import Tracking, translated
from retrainer.registry.runs import IDENTITY

CHAMPION = "champion"
CHALLENGER = "challenger"
PREVIOUS = "previous"
SHADOW = "shadow"

DIGEST = "retrainer.artifact_digest"
PINNED = "retrainer.pinned"
"""Set to `true` by a person: the version keeps its files for ever."""
ARCHIVED = "retrainer.archived"
"""When it was decided that the version's files go (ISO 8601); set once they are gone."""
RUNTIME = "retrainer.runtime"
"""What a server is to use: `onnx`, or `scikit-learn` where the exported model did not say the same."""
RUNTIME_NOTE = "retrainer.runtime_note"
"""How the two compared, or why they were not."""
_ABSENT = (ErrorCode.Name(RESOURCE_DOES_NOT_EXIST), ErrorCode.Name(INVALID_PARAMETER_VALUE))

VersionTags = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Version:
    """One version: its number, where its files are, their digest, its tags."""

    name: str
    version: int
    source: str
    run_id: str
    tags: VersionTags

    @property
    def digest(self) -> str:
        """SHA-256 over the version's files, recorded when it was registered; empty if it never was."""
        return self.tags.get(DIGEST, "")


class Versions:
    """The versions and aliases of one model."""

    def __init__(self, tracking: Tracking, name: str) -> None:
        self._client = tracking.client
        self._name = name

    def find(self, identity: str) -> Version | None:
        """The version that this very request registered before: the first, should there be several."""
        with translated(f"looking for versions of {self._name}"):
            found = self._client.search_model_versions(f"name = '{self._name}' and tags.`{IDENTITY}` = '{identity}'")
        versions = sorted((_version(item) for item in found), key=lambda item: item.version)
        return versions[0] if versions else None

    def ensure_model(self, description: str) -> None:
        """Make the registered model where it is missing."""
        with translated(f"creating the registered model {self._name}"):
            try:
                self._client.create_registered_model(self._name, description=description)
            except MlflowException as error:
                if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                    raise

    def register(self, *, source: str, run_id: str, identity: str, tags: VersionTags, description: str) -> Version:
        """A new version, its tags set in the same request: there is no moment at which it lacks them.

        Of two processes that register the same identity at once, both get the same version; the other is deleted.
        """
        with translated(f"registering a version of {self._name}"):
            created = self._client.create_model_version(
                self._name,
                source,
                run_id=run_id,
                tags={**tags, IDENTITY: identity},
                description=description,
                model_id=logged_model_id(source),
            )
        first = self.find(identity)
        if first is not None and first.version < int(created.version):
            with translated(f"removing the repeated version {created.version} of {self._name}"):
                self._client.delete_model_version(self._name, str(created.version))
            return first
        return _version(created)

    def get(self, version: int) -> Version | None:
        """A version by number; None if there is no such version."""
        with translated(f"reading version {version} of {self._name}"):
            try:
                return _version(self._client.get_model_version(self._name, str(version)))
            except MlflowException as error:
                if error.error_code in _ABSENT:
                    return None
                raise

    def all(self) -> list[Version]:
        """Every version, oldest first; none where there is no such model."""
        with translated(f"listing the versions of {self._name}"):
            page = self._client.search_model_versions(f"name = '{self._name}'")
            found = list(page)
            while page.token:
                page = self._client.search_model_versions(f"name = '{self._name}'", page_token=page.token)
                found += page
        return sorted((_version(item) for item in found), key=lambda item: item.version)

    def aliases(self) -> dict[str, int]:
        """Every alias and the version that it names; none where there is no such model."""
        with translated(f"reading the aliases of {self._name}"):
            try:
                model = self._client.get_registered_model(self._name)
            except MlflowException as error:
                if error.error_code in _ABSENT:
                    return {}
                raise
        return {alias: int(version) for alias, version in model.aliases.items()}

    def model_tags(self) -> VersionTags:
        """The tags of the registered model itself; none where there is no such model."""
        with translated(f"reading the tags of {self._name}"):
            try:
                return dict(self._client.get_registered_model(self._name).tags)
            except MlflowException as error:
                if error.error_code in _ABSENT:
                    return {}
                raise

    def tag_model(self, tags: VersionTags) -> None:
        """Set tags of the registered model itself."""
        with translated(f"tagging the registered model {self._name}"):
            for key, value in tags.items():
                self._client.set_registered_model_tag(self._name, key, value)

    def alias(self, alias: str) -> int | None:
        """The version that `alias` names; None if it names none."""
        with translated(f"reading alias {alias} of {self._name}"):
            try:
                return int(self._client.get_model_version_by_alias(self._name, alias).version)
            except MlflowException as error:
                if error.error_code in _ABSENT:
                    return None
                raise

    def set_alias(self, alias: str, version: int) -> None:
        """Let `alias` name `version`."""
        with translated(f"moving alias {alias} of {self._name} to version {version}"):
            self._client.set_registered_model_alias(self._name, alias, str(version))

    def delete_alias(self, alias: str) -> None:
        """Let `alias` name nothing."""
        with translated(f"removing alias {alias} of {self._name}"):
            self._client.delete_registered_model_alias(self._name, alias)

    def tag(self, version: int, tags: VersionTags) -> None:
        """Set tags of a version."""
        with translated(f"tagging version {version} of {self._name}"):
            for key, value in tags.items():
                self._client.set_model_version_tag(self._name, str(version), key, value)


def logged_model_id(source: str) -> str | None:
    """The id in `models:/<id>`, which the server wants to be told apart from the source."""
    return source.removeprefix("models:/") if source.startswith("models:/m-") else None


def _version(item: ModelVersion) -> Version:
    return Version(item.name, int(item.version), str(item.source), item.run_id or "", dict(item.tags))
