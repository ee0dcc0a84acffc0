"""What monitoring does about what it has found: when an episode begins and ends, who is told, and when to retrain.

Pure: a situation in, a plan out. All that it writes has an identity that follows from model, episode and interval, so
that the same interval decided again leaves the same state.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import JsonValue

from retrainer.contracts import EpisodeEvent, NewAlert, NewEpisodeEvent
from retrainer.monitoring.course import course, outcomes
from retrainer.monitoring.episode import Episode, episodes_of, open_episode, text_of, training_runs, worst
from retrainer.monitoring.events import page_of
from retrainer.monitoring.messages import alerts_about
from retrainer.monitoring.reaction import Case, Reaction, is_unexplained, react, unexplained
from retrainer.monitoring.situation import TOPICS, Situation

Verdict = Literal["quiet", "warn", "severe", "unexplained", "not_known"]
PlannedAction = Literal["none", "retrain", "ask"]

_ACTIONS: dict[str, PlannedAction] = {"nothing": "none", "hold": "none", "fire": "retrain", "ask": "ask"}
_SILENT = ("question", "in_flight", "answer")
"""Causes of holding that the event before says already."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be written, sent and done.

    Events and alerts are all that the interval leads to, also where they are there already: each is written once.
    `train_run_id` and `train_as_of` are those of the run that is to be fired, or asked for.
    """

    verdict: Verdict
    action: PlannedAction
    reason: str
    events: tuple[NewEpisodeEvent, ...] = ()
    alerts: tuple[NewAlert, ...] = ()
    episode: int | None = None
    """Number of the episode about the model that is open after it."""
    train_run_id: str = ""
    train_as_of: datetime | None = None


def decide(situation: Situation) -> Plan:
    """What the declared policy makes of an interval; of a backfill, or of an older interval, only a verdict."""
    if situation.is_past:
        reason = "a backfill, or older than the newest interval that was monitored: measured, and nothing else"
        return Plan(_verdict(situation, is_puzzle=is_unexplained(situation)), "none", reason)
    events = [*situation.before, *(new := outcomes(situation, situation.before))]
    for topic in TOPICS:
        found = course(situation, topic, events)
        events, new = [*events, *found], [*new, *found]
    if done := situation.done_here("model"):
        return _again(situation, done, new)
    episode = open_episode(episodes_of(events, "model"))
    may_react = "model" in situation.judged and not situation.has_ended_here("model")
    if episode is None or not may_react or not situation.believed("model"):
        plan = Plan(_verdict(situation, is_puzzle=False), "none", _quiet(situation, episode))
        return _told(situation, plan, new, reaction=None, episode=episode)
    case = Case(situation, episode, training_runs(events))
    reaction = react(case)
    plan = Plan(_verdict(situation, is_puzzle=unexplained(case) is not None), _ACTIONS[reaction.does], reaction.reason)
    return _told(situation, plan, [*new, *_reacted(case, reaction)], reaction=reaction, episode=episode)


def _again(situation: Situation, done: NewEpisodeEvent, new: Sequence[NewEpisodeEvent]) -> Plan:
    """The plan of an interval that has led to a run or a question before: that stays, whatever the numbers say now."""
    episodes = episodes_of([*situation.before, *situation.here], "model")
    episode = next(each for each in episodes if each.number == done.episode)
    case = Case(situation, episode, training_runs([*situation.before, *new]))
    answer = episode.answer_to(done)
    reaction = Reaction("fire" if done.event == "fired" else "ask", "severe", text_of(done, "reason"))
    events = [*new, NewEpisodeEvent(**{name: getattr(done, name) for name in NewEpisodeEvent.model_fields})]
    if answer is not None:
        reaction, events = Reaction("hold", "answer", f"answered: {text_of(answer, 'answer')}"), [*new]
    plan = Plan(_verdict(situation, is_puzzle=unexplained(case) is not None), _ACTIONS[reaction.does], reaction.reason)
    return _told(situation, plan, events, reaction=reaction, episode=episode)


def _verdict(situation: Situation, *, is_puzzle: bool) -> Verdict:
    severity = worst(finding.severity for finding in situation.findings)
    if is_puzzle:
        return "unexplained"
    if severity != "ignore":
        return severity
    return "quiet" if "model" in situation.judged else "not_known"


def _quiet(situation: Situation, episode: Episode | None) -> str:
    """Why nothing is done."""
    if "model" not in situation.judged:
        return "nothing could be judged in this interval"
    if episode is None:
        return "nothing about the model is confirmed"
    if situation.has_ended_here("model"):
        return "the episode has ended in this interval"
    return f"nothing is confirmed; episode {episode.number} stays open while the version it led to is still new"


def _reacted(case: Case, reaction: Reaction) -> list[NewEpisodeEvent]:
    """The event that says what is done, or why nothing is; none where that was said before."""
    situation, episode = case.situation, case.episode
    page = page_of(episode, situation.interval)
    details: dict[str, JsonValue] = {"reason": reaction.reason, "cause": reaction.cause}
    if reaction.does == "nothing":
        return []
    if reaction.does == "hold":
        last = episode.last("held", "fired", "asked", "answered", "promoted", "rejected", "unfinished")
        was_said = last is not None and last.event == "held" and text_of(last, "cause") == reaction.cause
        return [] if was_said or reaction.cause in _SILENT else [page.event("held", details, of=situation.interval.key)]
    kind: EpisodeEvent = "fired" if reaction.does == "fire" else "asked"
    run_id = f"monitor__{episode.number}__{situation.interval.key}"
    as_of = situation.interval.end.isoformat()
    details |= {"run_id": run_id, "as_of": as_of, "subjects": [*case.subjects], "champion": situation.champion}
    page = page_of(episode, situation.interval, severity=case.severity)
    return [page.event(kind, details, of=run_id if kind == "fired" else situation.interval.key)]


def _told(
    situation: Situation,
    plan: Plan,
    events: Sequence[NewEpisodeEvent],
    *,
    reaction: Reaction | None,
    episode: Episode | None,
) -> Plan:
    """The plan with its events, with what people are told about them, and with the run that is to be fired."""
    act = next((event for event in events if event.event in ("fired", "asked")), None)
    has_ended = any(event.event == "ended" and event.topic == "model" for event in events)
    return Plan(
        verdict=plan.verdict,
        action=plan.action,
        reason=plan.reason,
        events=tuple(events),
        alerts=alerts_about(situation, events, reaction),
        episode=episode.number if episode and not has_ended else None,
        train_run_id=text_of(act, "run_id") if act else "",
        train_as_of=datetime.fromisoformat(text_of(act, "as_of")) if act else None,
    )
