"""A release is complete when the server answers with it and holds its service level; else this goes back by itself.

Everything follows from the entry in the ledger, so a release that was killed anywhere is finished by running it again.
"""

import logging
from dataclasses import dataclass

from retrainer.config.serving import Serving
from retrainer.contracts import Entry, Release
from retrainer.deployment import Progress, in_numbers
from retrainer.ledger import Ledger
from retrainer.registry import Versions
from retrainer.steps.mirror import mirror
from retrainer.steps.release_retreat import retreat, retreat_from
from retrainer.steps.release_server import Follower
from retrainer.steps.release_told import release_of
from retrainer.steps.release_verdict import Verdict, give_verdict, verdict_on

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Production:
    """What a release changes: the ledger, the aliases, and what the server answers with.

    `serving` says how; it and `follower` are None where no server answers for the model.
    """

    ledger: Ledger
    versions: Versions
    serving: Serving | None
    follower: Follower | None


def finish_release(entry: Entry, production: Production, *, actor: str) -> Release:
    """See `entry`, which promotes, rejects or puts in the shadow, carried out by the aliases and the server.

    Where the server will not serve the version, or it breaks its service level, `actor` goes back; the result is then
    the entry by which that was done.

    Raises:
        ModelServerError: the server is away or too slow. The entry stands; running it again finishes the release.
    """
    while True:
        mirror(production.ledger, production.versions, decided=entry)
        log.info("entry %d of the ledger: %s v%d: %s", entry.sequence, entry.action, entry.version, entry.reason)
        follower, serving = production.follower, production.serving
        if follower is None or serving is None or not _concerns_the_server(entry, production.ledger):
            return release_of(entry)
        later = _later(entry, production.ledger)
        if later is None:
            seen = _see_to(entry, serving, follower)
            if seen.state not in ("refused", "broken"):
                return release_of(entry, seen, follower.name)
            later = _go_back(entry, production.ledger, seen, actor=actor)
        if later is None or (entry.action == "shadow" and later.action == "promote"):
            return release_of(entry, Progress("superseded"), follower.name)
        entry = later


def _later(entry: Entry, ledger: Ledger) -> Entry | None:
    return verdict_on(entry, ledger) if entry.action == "shadow" else retreat_from(entry, ledger)


def _see_to(entry: Entry, serving: Serving, follower: Follower) -> Progress:
    seen = follower.carried_out(entry)
    if seen.state != "served" or entry.action != "promote":
        return seen
    log.info("%s answers with v%d", follower.name, entry.version)
    seen = follower.held(entry, serving.level, seconds=serving.level.watch_seconds)
    if seen.state == "served" and seen.served is not None:
        log.info("v%d holds its service level: %s", entry.version, in_numbers(serving.level, seen.served))
    return seen


def _go_back(entry: Entry, ledger: Ledger, seen: Progress, *, actor: str) -> Entry | None:
    what = "the model server refused it" if seen.state == "refused" else "it broke its service level"
    reason = f"{what}: {seen.reason}"
    log.warning("v%d: %s", entry.version, reason)
    if entry.action == "shadow":
        return give_verdict(entry, Verdict("reject", reason, actor), ledger)
    return retreat(entry, ledger, reason=reason, actor=actor)


def _concerns_the_server(entry: Entry, ledger: Ledger) -> bool:
    """A version that was rejected without a trial was never told to the server."""
    if entry.action != "reject":
        return True
    entries = ledger.entries(entry.model)
    return any(each.version == entry.version and each.action in ("split", "shadow") for each in entries)
