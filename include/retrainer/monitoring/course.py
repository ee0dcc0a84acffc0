"""The course of the episodes: whether one begins, gets worse or ends, and what has become of their training runs."""

from collections.abc import Iterable, Sequence

from pydantic import JsonValue

from retrainer.contracts import EpisodeEvent, EpisodeTopic, NewEpisodeEvent
from retrainer.monitoring.episode import Episode, TrainingRun, episodes_of, intervals_after, open_episode, worst
from retrainer.monitoring.events import Page, page_of
from retrainer.monitoring.reaction import is_cooling
from retrainer.monitoring.situation import Situation, subjects

WAS = "was"
"""Key, in the details of an event `escalated`, of how bad the episode was before."""


def outcomes(situation: Situation, known: Iterable[NewEpisodeEvent]) -> list[NewEpisodeEvent]:
    """What has become of training runs since it was looked at last; also of those whose episode has ended.

    A run whose cool-down is over without a result is unfinished; it may still get one.
    """
    found: list[NewEpisodeEvent] = []
    for episode in episodes_of(known):
        page = page_of(episode, situation.interval)
        for run in episode.runs:
            if outcome := _outcome(situation, run):
                event, details = outcome
                found.append(page.event(event, details, of=run.run_id))
    return found


def course(situation: Situation, topic: EpisodeTopic, known: Iterable[NewEpisodeEvent]) -> list[NewEpisodeEvent]:
    """The event with which an episode about `topic` begins, gets worse or ends in the interval, where there is one."""
    if topic not in situation.judged:
        return []
    episodes = episodes_of(known, topic)
    now = open_episode(episodes)
    if now is None:
        number = max((each.number for each in episodes), default=0) + 1
        return _opened(situation, topic, number)
    if not situation.believed(topic):
        is_over = not _is_watched(situation, now) and situation.done_here(topic) is None
        return [page_of(now, situation.interval).event("ended")] if is_over else []
    return [] if situation.has_ended_here(topic) else _escalated(situation, now)


def _outcome(situation: Situation, run: TrainingRun) -> tuple[EpisodeEvent, dict[str, JsonValue]] | None:
    details: dict[str, JsonValue] = {"run_id": run.run_id}
    if run.is_decided:
        return None
    for entry in situation.entries:
        # By as_of: the entry may come from the review of a trial, or from another run that trained on the same.
        if entry.action in ("promote", "reject") and entry.as_of == run.as_of:
            said: dict[str, JsonValue] = {"sequence": entry.sequence, "version": entry.version, "reason": entry.reason}
            return "promoted" if entry.action == "promote" else "rejected", details | said
    if run.outcome is not None or is_cooling(run, situation):
        return None
    return "unfinished", details


def _opened(situation: Situation, topic: EpisodeTopic, number: int) -> list[NewEpisodeEvent]:
    believed = situation.believed(topic)
    if not believed:
        return []
    severity = worst(finding.severity for finding in believed)
    page = Page(situation.model, topic, number, situation.interval, severity)
    return [page.event("opened", _found(situation, topic))]


def _escalated(situation: Situation, episode: Episode) -> list[NewEpisodeEvent]:
    believed = situation.believed(episode.topic)
    severity = worst(finding.severity for finding in believed)
    is_worse = worst((severity, episode.severity)) != episode.severity
    if not is_worse and episode.subjects.issuperset(subjects(believed)):
        return []
    page = page_of(episode, situation.interval, severity=severity)
    details = _found(situation, episode.topic) | {WAS: episode.severity}
    return [page.event("escalated", details, of=situation.interval.key)]


def _found(situation: Situation, topic: EpisodeTopic) -> dict[str, JsonValue]:
    believed: Sequence[JsonValue] = [finding.model_dump(mode="json") for finding in situation.believed(topic)]
    return {"subjects": [*subjects(situation.believed(topic))], "findings": [*believed]}


def _is_watched(situation: Situation, episode: Episode) -> bool:
    """Is a version that the episode led to still too new to say that it has helped?"""
    promoted = episode.last("promoted")
    if promoted is None:
        return False
    needed = situation.config.drift.confirm.of
    if any(each.startswith(("performance ", "business ")) for each in episode.subjects):
        needed = max(needed, situation.config.performance.window_intervals)
    return intervals_after(promoted.interval, situation.interval) < needed
