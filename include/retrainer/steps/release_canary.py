"""release: canary. The version gets growing shares of the traffic, each watched; then all of it, or none any more."""

import logging
from dataclasses import dataclass
from typing import NoReturn

from retrainer.config.serving import Serving
from retrainer.contracts import Entry
from retrainer.deployment import Progress, in_numbers, standing
from retrainer.ledger import Ledger
from retrainer.steps.release_candidate import Candidate, TrialOverError
from retrainer.steps.release_server import Follower
from retrainer.steps.release_verdict import make_room

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Canary:
    """The trial of one candidate. Every share is an entry of the ledger: run again, it goes on where it was killed."""

    candidate: Candidate
    serving: Serving
    ledger: Ledger
    follower: Follower

    def conduct(self) -> Entry:
        """The entry that promotes the version after its last share, or rejects it.

        Raises:
            ModelServerError: the server is away or too slow. The share stays as it is until this is run again.
        """
        model, candidate = self.candidate.model, self.candidate
        try:
            ended = self.ledger.find(model, candidate.split_identity(0))
            if ended is not None:
                raise TrialOverError(ended.reason)
            make_room(self.ledger, model, version=candidate.version, actor=candidate.actor)
            for percent in self.serving.canary.percents:
                self._give_share(percent)
            return self.ledger.write(model, candidate.identity, candidate.tried_entry)
        except TrialOverError as over:
            reason = str(over)
            return self.ledger.write(model, candidate.identity, lambda entries: candidate.reject_entry(entries, reason))

    def _give_share(self, percent: int) -> None:
        """One share, until its time is over.

        Raises:
            TrialOverError: the server refused the version, or it broke its level, or the ledger has moved on.
        """
        candidate, model = self.candidate, self.candidate.model
        entry = self.ledger.write(
            model, candidate.split_identity(percent), lambda entries: candidate.split_entry(entries, percent)
        )
        split = standing(self.ledger.entries(model)).split
        if split is not None and split.version == candidate.version and split.percent > percent:
            return  # it had this share before the step was killed
        log.info("entry %d of the ledger: v%d gets %d %% of the traffic", entry.sequence, entry.version, percent)
        seen = self.follower.carried_out(entry)
        if seen.state == "served":
            seen = self.follower.held(entry, self.serving.level, seconds=self.serving.canary.step_seconds)
        if seen.state == "served" and seen.served is not None:
            log.info("v%d holds its level: %s", entry.version, in_numbers(self.serving.level, seen.served))
            return
        self._give_back(percent, seen)

    def _give_back(self, percent: int, seen: Progress) -> NoReturn:
        """End the trial. Where the version is to blame, all traffic goes back first."""
        candidate, model = self.candidate, self.candidate.model
        if seen.state not in ("refused", "broken"):
            candidate.check_trial(self.ledger.entries(model))
            raise TrialOverError(f"v{candidate.version} was on trial, and the ledger has moved on")
        what = "the model server refused it" if seen.state == "refused" else "it broke its service level"
        reason = f"v{candidate.version} got {percent} % of the traffic, and {what}: {seen.reason}"
        log.warning("%s", reason)
        self.ledger.write(model, candidate.split_identity(0), lambda entries: candidate.no_split_entry(entries, reason))
        raise TrialOverError(reason)
