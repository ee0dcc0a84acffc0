"""Bringing the versions of a wish into memory: those that are there stay, others are loaded and checked beside them."""

import logging
from dataclasses import dataclass
from pathlib import Path

from retrainer.contracts import Refusal
from retrainer.errors import BadDataError, RetrainerError
from retrainer.serving.candidate import Candidates
from retrainer.serving.check_candidate import why_not
from retrainer.serving.load_own_code import with_plain_names
from retrainer.serving.local_copy import copy_name, read_checks
from retrainer.serving.predictor import Predictor, load_predictor
from retrainer.serving.slot import Line
from retrainer.serving.supply.messages import Supplied, wanted_versions

log = logging.getLogger(__name__)


@dataclass
class Loaded:
    """The versions that are in memory now, and those that are not to serve."""

    predictors: dict[int, Predictor]
    refused: dict[int, Refusal]


class Loader:
    """Loads versions from the local copies in `folder` and has them asked over HTTP at `address`. Used from threads."""

    def __init__(self, folder: Path, candidates: Candidates, address: tuple[str, int]) -> None:
        self._folder = folder
        self._candidates = candidates
        self._address = address

    def load(self, supplied: Supplied, line: Line | None, refused: dict[int, Refusal], *, timed: bool) -> Loaded:
        """All versions that are `supplied`, besides those of the `line` that serves now and those in `refused`.

        While the model is switched off nothing is loaded that is not there. `timed`: the check looks at the time, too.

        Raises:
            ConnectionError: the server could not be asked, which says nothing about a version.
        """
        wish = supplied.assignment
        held = {each.spec.version: each for each in line.predictors()} if line is not None else {}
        found = Loaded(held, {version: each for version, each in refused.items() if version not in held})
        for version in () if wish.off else wanted_versions(wish):
            name = supplied.folders.get(version)
            is_held = version in held and copy_name(version, held[version].spec.digest) == name
            if name is None or is_held or version in found.refused:
                continue
            try:
                found.predictors[version] = self._checked(self._folder / wish.model / name, timed=timed)
            except ConnectionError:
                raise
            except RetrainerError as error:
                self._refuse(found, supplied, version, str(error))
            except Exception as error:  # noqa: BLE001 a saved model may raise anything when it is loaded
                self._refuse(found, supplied, version, f"loading it raised {type(error).__name__}")
        return found

    def _checked(self, folder: Path, *, timed: bool) -> Predictor:
        """The version in `folder`, which has answered as it has to.

        Raises:
            UnsafeArtifactError: the copy was changed, or holds what nobody reviewed.
            BadDataError: it does not answer as it has to.
        """
        predictor = load_predictor(folder)
        with self._candidates.admitted(predictor) as path:
            problem = why_not(self._address, path, predictor.spec, read_checks(folder), timed=timed)
        if problem:
            raise BadDataError(problem)
        return predictor

    @staticmethod
    def _refuse(found: Loaded, supplied: Supplied, version: int, reason: str) -> None:
        wish = supplied.assignment
        first_line = with_plain_names(reason.partition("\n")[0])
        log.warning("%s v%d does not serve: %s", wish.model, version, first_line)
        found.predictors.pop(version, None)
        found.refused[version] = Refusal(version=version, sequence=wish.sequence, reason=first_line)
