"""All that a decision about an interval depends on: what is confirmed, what was done before, what the ledger says."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from retrainer.config.monitoring import Monitoring
from retrainer.contracts import Entry, EpisodeTopic, Finding, Interval, NewEpisodeEvent

TOPICS: tuple[EpisodeTopic, ...] = ("model", "service")


@dataclass(frozen=True, slots=True)
class Situation:
    """An interval of a model, as monitoring finds it.

    `findings` are those of the champion; `events` and `entries` all of the model, oldest first. `judged` are the topics
    about which anything could be said: in the others no episode begins or ends.
    """

    model: str
    interval: Interval
    config: Monitoring
    findings: Sequence[Finding]
    events: Sequence[NewEpisodeEvent]
    entries: Sequence[Entry]
    champion: int | None
    trained_until: datetime | None
    is_backfill: bool
    """The run is a backfill, or its interval is older than the newest one that was monitored."""
    run_id: str
    report_url: str = ""
    judged: frozenset[EpisodeTopic] = frozenset(TOPICS)

    @property
    def before(self) -> tuple[NewEpisodeEvent, ...]:
        """The events of earlier intervals."""
        return tuple(event for event in self.events if event.interval.start < self.interval.start)

    @property
    def here(self) -> tuple[NewEpisodeEvent, ...]:
        """The events that this interval has already, from an earlier decision about it, or from a person's answer."""
        return tuple(event for event in self.events if event.interval.start == self.interval.start)

    @property
    def is_past(self) -> bool:
        """Is it not for this run to do anything?"""
        return self.is_backfill or any(event.interval.start > self.interval.start for event in self.events)

    def has_ended_here(self, topic: EpisodeTopic) -> bool:
        """Has an earlier decision about this interval ended the episode about a topic?"""
        return any(event.topic == topic and event.event == "ended" for event in self.here)

    def done_here(self, topic: EpisodeTopic) -> NewEpisodeEvent | None:
        """The run that an earlier decision about this interval fired, or else the question that it asked."""
        done = [event for event in self.here if event.topic == topic and event.event in ("fired", "asked")]
        return max(done, key=lambda event: event.event == "fired", default=None)

    def believed(self, topic: EpisodeTopic) -> tuple[Finding, ...]:
        """The findings about a topic that are worth a warning."""
        return tuple(each for each in self.findings if each.severity != "ignore" and topic_of(each) == topic)


def topic_of(finding: Finding) -> EpisodeTopic:
    """The topic of the episodes that a finding belongs to."""
    return "service" if finding.about == "service" else "model"


def subjects(findings: Iterable[Finding]) -> list[str]:
    """What the findings name, such as `feature distance`, in order."""
    return sorted(f"{finding.about} {subject}" for finding in findings for subject in finding.subjects)
