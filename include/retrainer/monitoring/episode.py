"""What the events of a model come to: its drift episodes, the training runs fired in them, and what became of those.

Pure: events in, episodes out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from retrainer.contracts import Alarm, EpisodeEvent, EpisodeTopic, Interval, NewEpisodeEvent

_RANK: dict[Alarm, int] = {"ignore": 0, "warn": 1, "severe": 2}
_OUTCOMES: tuple[EpisodeEvent, ...] = ("promoted", "rejected", "unfinished")


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A run of <model>__train that an episode led to. `outcome` is the last thing known about it; None: in flight."""

    fired: NewEpisodeEvent
    outcome: NewEpisodeEvent | None

    @property
    def run_id(self) -> str:
        """Airflow's id of it."""
        return text_of(self.fired, "run_id")

    @property
    def as_of(self) -> datetime:
        """What it was trained on was known at this time."""
        return datetime.fromisoformat(text_of(self.fired, "as_of"))

    @property
    def is_decided(self) -> bool:
        """Does the ledger say what became of it?"""
        return self.outcome is not None and self.outcome.event != "unfinished"


@dataclass(frozen=True, slots=True)
class Episode:
    """One episode: its events in their order. There is at least the one that opened it."""

    topic: EpisodeTopic
    number: int
    events: tuple[NewEpisodeEvent, ...]

    @property
    def opened(self) -> NewEpisodeEvent:
        """The event that it began with."""
        return self.events[0]

    @property
    def ended(self) -> NewEpisodeEvent | None:
        """The event that it ended with; None while it is open."""
        return self.last("ended")

    @property
    def severity(self) -> Alarm:
        """The worst that it was."""
        return worst(event.severity for event in self.events)

    @property
    def subjects(self) -> frozenset[str]:
        """All that was ever confirmed in it, such as `feature distance`."""
        return frozenset().union(*(subjects_of(event) for event in self.events))

    @property
    def runs(self) -> tuple[TrainingRun, ...]:
        """The training runs that it led to, oldest first."""
        return tuple(TrainingRun(event, self._outcome(event)) for event in self.events if event.event == "fired")

    @property
    def question(self) -> NewEpisodeEvent | None:
        """The event `asked` that nobody has answered yet."""
        asked = self.last("asked")
        return asked if asked is not None and self.answer_to(asked) is None else None

    def answer_to(self, asked: NewEpisodeEvent) -> NewEpisodeEvent | None:
        """The event that answers the question."""
        answers = (event for event in self.events if event.event == "answered")
        return next((event for event in answers if text_of(event, "asked") == asked.identity), None)

    def last(self, *events: EpisodeEvent) -> NewEpisodeEvent | None:
        """The last event of these kinds."""
        return next((event for event in reversed(self.events) if event.event in events), None)

    def _outcome(self, fired: NewEpisodeEvent) -> NewEpisodeEvent | None:
        of = text_of(fired, "run_id")
        outcomes = [event for event in self.events if event.event in _OUTCOMES and text_of(event, "run_id") == of]
        return outcomes[-1] if outcomes else None


def episodes_of(events: Iterable[NewEpisodeEvent], topic: EpisodeTopic | None = None) -> tuple[Episode, ...]:
    """The episodes of a model, in the order in which they opened; where it is said, only those about `topic`."""
    found: dict[tuple[EpisodeTopic, int], list[NewEpisodeEvent]] = {}
    for event in events:
        if topic in (None, event.topic):
            found.setdefault((event.topic, event.episode), []).append(event)
    return tuple(Episode(about, number, tuple(own)) for (about, number), own in found.items())


def open_episode(episodes: Sequence[Episode]) -> Episode | None:
    """The one of the episodes about a topic that has not ended; there is at most one."""
    return next((each for each in reversed(episodes) if each.ended is None), None)


def training_runs(events: Iterable[NewEpisodeEvent]) -> tuple[TrainingRun, ...]:
    """The training runs of all episodes, in the order in which those opened."""
    return tuple(run for episode in episodes_of(events) for run in episode.runs)


def intervals_after(earlier: Interval, later: Interval) -> int:
    """How many intervals `later` starts after `earlier`, judged by the length of `later`.

    Days are days, also those of 23 and 25 hours.
    """
    length = later.end - later.start
    if length >= timedelta(hours=23):
        length = timedelta(days=round(length / timedelta(days=1)))
    return round((later.start - earlier.start) / length)


def worst(severities: Iterable[Alarm]) -> Alarm:
    """The worst of them; ignore where there is none."""
    return max(severities, key=_RANK.__getitem__, default="ignore")


def subjects_of(event: NewEpisodeEvent) -> frozenset[str]:
    """What was confirmed when the event was written, such as `feature distance`; nothing where it does not say."""
    subjects = event.details.get("subjects")
    return frozenset(str(each) for each in subjects) if isinstance(subjects, list) else frozenset()


def text_of(event: NewEpisodeEvent, key: str) -> str:
    """A text of the event's details; empty where there is none."""
    value = event.details.get(key)
    return value if isinstance(value, str) else ""


def in_words(items: Sequence[str], most: int = 3) -> str:
    """At most `most` of the items, and how many more there are."""
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(items[:most]) + more


def trigger(episode: Episode) -> str:
    """What the episode opened with, in words."""
    findings = episode.opened.details.get("findings")
    messages = [each["message"] for each in findings if isinstance(each, dict)] if isinstance(findings, list) else []
    return ". ".join(str(message) for message in messages)


def became(episode: Episode) -> str:
    """What was done in the episode and what came of it, in words."""
    told = [words for event in episode.events if (words := _words(event))]
    return ", then ".join(told) if told else "told, nothing else"


def _words(event: NewEpisodeEvent) -> str:
    version, sequence, reason = event.details.get("version"), event.details.get("sequence"), text_of(event, "reason")
    words: dict[EpisodeEvent, str] = {
        "fired": f"run {text_of(event, 'run_id')} fired",
        "held": f"held: {reason}",
        "asked": f"asked: {reason}",
        "answered": f"{text_of(event, 'by') or 'nobody'} answered: {text_of(event, 'answer')}",
        "promoted": f"v{version} promoted (entry {sequence})",
        "rejected": f"v{version} rejected (entry {sequence}): {reason}",
        "unfinished": "the run has no result",
    }
    return words.get(event.event, "")
