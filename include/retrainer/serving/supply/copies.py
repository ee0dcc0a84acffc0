"""Versions from the registry as verified local copies: fetched, checked, tried out, and only then put in place."""

import logging
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from retrainer.errors import BadDataError, RetrainerError, TrackingUnavailableError, UnsafeArtifactError
from retrainer.registry import Version, Versions, model_files
from retrainer.serving.local_copy import copy_name, scratch_beside, seal, verify
from retrainer.serving.supply.describe import write_copy
from retrainer.serving.supply.trial import Trials

log = logging.getLogger(__name__)

_KEPT = 5
"""Copies of a model that are kept beside those in use: a rollback to one of them needs no registry."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A version that a server needs. `recorded` is the digest of its files that the ledger knows, None where it knows
    none."""

    model: str
    version: int
    recorded: str | None


@dataclass(frozen=True, slots=True)
class Provided:
    """The verified local copy of a version, None where there is none, and why the version is not to be served, empty
    where it may. The rule of a version that is not to be served may answer where there is a copy."""

    folder: Path | None
    problem: str = ""


class Copies:
    """The local copies in one folder, and the registry that they come from.

    `before` is called with a model's name before a version of it is fetched.
    """

    def __init__(
        self, folder: Path, registry: Callable[[str], Versions], trials: Trials, *, before: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._registry = registry
        self._trials = trials
        self._before = before
        self._passed: set[Path] = set()

    def provide(self, wanted: Wanted) -> Provided:
        """A copy of the version that was tried out.

        Raises:
            TrackingUnavailableError: it has to be fetched, and MLflow does not give it.
            OSError: there is no room for it, or nothing can be tried out any more.
        """
        try:
            registered = None if wanted.recorded else self._registered(wanted)
            digest = registered.digest if registered else wanted.recorded or ""
            folder = self._folder / wanted.model / copy_name(wanted.version, digest)
            if self._is_there(folder):
                return Provided(folder, self._problem(folder, known_as=folder))
            return self._fetched(registered or self._registered(wanted), folder)
        except TrackingUnavailableError:
            raise
        except (RetrainerError, ValueError) as error:
            return Provided(None, str(error).partition("\n")[0])

    def tidy(self, model: str, in_use: Collection[str]) -> None:
        """Delete the copies of a model that are not in use, but for the newest ones."""
        found = [path for path in (self._folder / model).glob("v*-*") if path.is_dir() and path.name not in in_use]
        for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)[_KEPT:]:
            shutil.rmtree(path, ignore_errors=True)

    def _is_there(self, folder: Path) -> bool:
        """Whether there is a copy; one that was changed since it was made is deleted."""
        if not folder.exists():
            return False
        try:
            verify(folder)
        except UnsafeArtifactError as error:
            log.warning("%s; it is fetched again", error)
            shutil.rmtree(folder)
            self._passed.discard(folder)
            return False
        return True

    def _registered(self, wanted: Wanted) -> Version:
        """The version in the registry.

        Raises:
            UnsafeArtifactError: it is not there, or its files have no digest, or another one than the ledger knows.
        """
        name, found = f"v{wanted.version}", self._registry(wanted.model).get(wanted.version)
        if found is None:
            raise UnsafeArtifactError(f"there is no {name} in the MLflow registry")
        if not found.digest:
            raise UnsafeArtifactError(f"{name} was not registered by Retrainer: no digest of its files is recorded")
        if wanted.recorded is not None and wanted.recorded != found.digest:
            raise UnsafeArtifactError(
                f"the registry says that the digest of the files of {name} is {found.digest}, "
                f"the ledger {wanted.recorded}"
            )
        return found

    def _fetched(self, version: Version, target: Path) -> Provided:
        """A copy fresh from the registry, in its place."""
        self._before(version.name)
        with model_files(version.source, digest=version.digest) as files, scratch_beside(target) as scratch:
            copy = scratch / target.name
            write_copy(files, copy, version)
            seal(copy)
            problem = self._problem(copy, known_as=target)
            try:
                copy.rename(target)
            except OSError:  # another server of this home was faster
                verify(target)
        log.info("%s v%d is here: %s", version.name, version.version, target.name)
        return Provided(target, problem)

    def _problem(self, folder: Path, *, known_as: Path) -> str:
        """Why the model in `folder` is not to be served; tried out once in the life of this process, if it passes.

        Raises:
            BadDataError: its rule is not to be asked either.
        """
        if known_as in self._passed:
            return ""
        verdict = self._trials.verdict(folder)
        if verdict.rule:
            raise BadDataError(verdict.rule)
        if not verdict.model:
            self._passed.add(known_as)
        return verdict.model
