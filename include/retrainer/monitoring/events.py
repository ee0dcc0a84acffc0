"""Writing the events of an episode. The identity of each follows from what it says, so that it is written once."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from retrainer.contracts import Alarm, EpisodeEvent, EpisodeTopic, Interval, NewEpisodeEvent
from retrainer.monitoring.episode import Episode


@dataclass(frozen=True, slots=True)
class Page:
    """Where the events of one episode are written, by the monitoring run of one interval."""

    model: str
    topic: EpisodeTopic
    episode: int
    interval: Interval
    severity: Alarm

    def event(
        self, event: EpisodeEvent, details: Mapping[str, JsonValue] | None = None, *, of: str = ""
    ) -> NewEpisodeEvent:
        """An event; `of` tells it from others of its kind in the episode: the interval, or a run. Empty: it is one."""
        return NewEpisodeEvent(
            model=self.model,
            topic=self.topic,
            episode=self.episode,
            event=event,
            interval=self.interval,
            severity=self.severity,
            identity="/".join([self.topic, str(self.episode), event, *([of] if of else [])]),
            details=dict(details or {}),
        )


def page_of(episode: Episode, interval: Interval, *, severity: Alarm | None = None) -> Page:
    """The page of an episode that is there; as bad as it was at its worst, where nothing else is said."""
    model = episode.opened.model
    return Page(model, episode.topic, episode.number, interval, severity or episode.severity)
