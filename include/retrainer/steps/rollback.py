"""rollback: another version into production, because a person says so. Checked first, then written, then mirrored.

Which version `previous` means is resolved once, against the champion that is there when the step begins: the person
wants to be rid of that one. A promotion that comes first in between changes neither that it is left nor where to; the
newcomer was only shown to be better than the champion that the person rolls away from, and goes with it. The
declaration is not needed: a wrong YAML file must not be in the way. Nor must a model server that is down: it is told,
and the result says whether it answers with the version.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import Entry, NewEntry, Release, StepRequest, digest_json
from retrainer.deployment import recorded_digest, standing
from retrainer.deployment.server import ModelServer
from retrainer.errors import BadDataError, UnsafeArtifactError
from retrainer.ledger import Ledger
from retrainer.registry import Tracking, Version, Versions
from retrainer.steps.mirror import mirror, report_moved
from retrainer.steps.release_server import model_server
from retrainer.steps.release_told import told
from retrainer.steps.reproduce import check_reproduces
from retrainer.steps.rollback_target import Choice, Form, read_form
from retrainer.steps.tracking import connect_tracking

log = logging.getLogger(__name__)


def run(request: StepRequest, settings: RuntimeSettings) -> Release:
    """Put the version that was asked for in production, once for each run; run again, it only repairs the aliases.

    Raises:
        ConfigurationError: the form is wrong, or no such version can be put in production. Nothing was moved.
        BadDataError, UnsafeArtifactError: the version does not give what it gave before. Nothing was moved.
    """
    form, server = read_form(request), _server(request, settings)
    ledger, tracking = Ledger.open(settings.ledger_url), connect_tracking(settings)
    versions = Versions(tracking, request.model)
    report_moved(ledger, versions, request.model)
    identity = digest_json({"action": "rollback", "model": request.model, "run_id": request.run_id})
    entry = ledger.find(request.model, identity)
    if entry is None:
        choice = Choice(request.model, standing(ledger.entries(request.model)), versions.all())
        move = _Move(form, choice, choice.find(form.target), identity)
        entry = ledger.write(request.model, identity, _checked(move, ledger, tracking).entry)
    mirror(ledger, versions, decided=entry)
    log.info("entry %d of the ledger: rollback to v%d by %s", entry.sequence, entry.version, entry.actor)
    return told(entry, ledger, server)


def _server(request: StepRequest, settings: RuntimeSettings) -> ModelServer | None:
    """The server that answers for the model; of a model without a declaration nobody knows whether one does."""
    is_unserved = bool(request.config) and not request.config.get("serving")
    return None if is_unserved else model_server(settings)


@dataclass(frozen=True, slots=True)
class _Move:
    """The version that was asked for when the model stood as in `seen`, and what was checked of it."""

    form: Form
    seen: Choice
    target: Version
    identity: str
    version_url: str = ""
    checks: tuple[str, ...] = ()

    def entry(self, entries: Sequence[Entry]) -> NewEntry:
        """What to write after `entries`.

        Raises:
            ConfigurationError: somebody put the version in production, or archived it, meanwhile.
            BadDataError: nothing says how far its training looked.
        """
        number, now = self.target.version, standing(entries)
        replace(self.seen, now=now).check(self.target)
        as_of = self._as_of(entries)
        then = now.then("rollback", number, as_of=as_of)
        return NewEntry(
            model=self.seen.model,
            action="rollback",
            version=number,
            previous_version=then.previous,
            champion_version=then.champion,
            as_of=as_of,
            identity=self.identity,
            actor=self.form.actor,
            reason=self.form.reason,
            evidence={
                "from": now.champion,
                "to": number,
                "seen": self.seen.now.champion,
                "target": self.form.target,
                "checks": list(self.checks),
                "run_id": self.target.run_id,
                "version_url": self.version_url,
                "artifact_digest": self.target.digest,
            },
        )

    def _as_of(self, entries: Sequence[Entry]) -> datetime:
        decided = next((entry.as_of for entry in entries if entry.version == self.target.version), None)
        try:
            return decided or datetime.fromisoformat(self.target.tags["retrainer.as_of"])
        except (KeyError, ValueError) as error:
            problem = f"v{self.target.version} has no tag retrainer.as_of that says how far its training looked"
            raise BadDataError(f"{self.seen.model} was not rolled back: {problem}") from error


def _checked(move: _Move, ledger: Ledger, tracking: Tracking) -> _Move:
    """The move, once its target was loaded and gave what it gave before."""
    model, number = move.seen.model, move.target.version
    try:
        checks = check_reproduces(move.target, recorded=recorded_digest(ledger.entries(model), number))
    except (BadDataError, UnsafeArtifactError) as error:
        text = f"{model} was not rolled back: {error.args[0]}. {move.seen.would_do(but=number)}"
        raise type(error)(text, hint=error.hint) from error
    return replace(move, checks=checks, version_url=tracking.version_url(model, number))
