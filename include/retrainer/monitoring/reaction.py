"""What follows from an open episode about the model: a retraining run, a question to a person, or neither; and why."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from retrainer.contracts import Alarm, NewEpisodeEvent
from retrainer.monitoring.episode import (
    Episode,
    TrainingRun,
    in_words,
    intervals_after,
    subjects_of,
    text_of,
    worst,
)
from retrainer.monitoring.situation import Situation, subjects

_MONTH = timedelta(days=30)

Cause = Literal[
    "warning",
    "severe",
    "prediction_without_feature",
    "no_improvement",
    "not_automatic",
    "budget",
    "question",
    "in_flight",
    "answer",
    "rejected",
    "up_to_date",
    "cool_down",
]
"""What decided. The first six lead to nothing, a run or a question; for each of the others retraining is held."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """What is to be done: nothing, a run fired, a person asked; or held, where something is in the way of a run."""

    does: Literal["nothing", "fire", "ask", "hold"]
    cause: Cause
    reason: str


@dataclass(frozen=True, slots=True)
class Case:
    """An open episode about the model, in the situation it is in; `runs` are those of all episodes."""

    situation: Situation
    episode: Episode
    runs: Sequence[TrainingRun]

    @property
    def severity(self) -> Alarm:
        """How bad it is now."""
        return worst(finding.severity for finding in self.situation.believed("model"))

    @property
    def subjects(self) -> list[str]:
        """What is confirmed now."""
        return subjects(self.situation.believed("model"))

    def is_new_since(self, event: NewEpisodeEvent) -> bool:
        """Has anything happened that was not so at `event`: another subject, more severe, another champion?"""
        is_worse = self.severity == "severe" and event.severity != "severe"
        other_champion = self.situation.champion != event.details.get("champion")
        return bool(set(self.subjects) - subjects_of(event)) or is_worse or other_champion


def react(case: Case) -> Reaction:
    """What the declared rules of retraining make of it.

    A warning leads to nothing, unless it is unexplained. In this order: what is under way or was answered is waited
    for; what was tried and rejected is not tried again before something new happens; the unexplained is for a person;
    then the cool-down and the budget of runs.
    """
    puzzle = unexplained(case)
    if puzzle is None and case.severity != "severe":
        return Reaction("nothing", "warning", "a warning retrains nothing")
    for check in _FIRST:
        if held := check(case):
            return held
    if puzzle is not None:
        return puzzle
    for check in _THEN:
        if found := check(case):
            return found
    return Reaction("fire", "severe", f"{in_words(case.subjects)}: severe")


def unexplained(case: Case) -> Reaction | None:
    """The question whether to retrain, where nobody can tell from the numbers whether that would help."""
    if is_unexplained(case.situation):
        return Reaction("ask", "prediction_without_feature", "the predictions have changed and no feature has")
    last = case.episode.runs[-1] if case.episode.runs else None
    if last is None or last.outcome is None or last.outcome.event != "promoted":
        return None
    again = [each for each in case.subjects if each in subjects_of(last.fired)]
    if not again or last.outcome.details.get("version") != case.situation.champion:
        return None
    reason = f"v{case.situation.champion}, retrained because of it, shows the same again: {in_words(again)}"
    return Reaction("ask", "no_improvement", reason)


def is_unexplained(situation: Situation) -> bool:
    """Have the predictions changed, and no feature that could be why?"""
    features = any(finding.about == "feature" for finding in situation.findings)
    return not features and any(finding.about == "prediction" for finding in situation.believed("model"))


def is_cooling(run: TrainingRun, situation: Situation) -> bool:
    """Is the interval within the cool-down after the run was fired?"""
    passed = intervals_after(run.fired.interval, situation.interval)
    return passed <= situation.config.retraining.cool_down_intervals


def _question(case: Case) -> Reaction | None:
    asked = case.episode.question
    if asked is None:
        return None
    return Reaction("hold", "question", f"asked about {_day(asked)}, and nobody has answered yet: {_why(asked)}")


def _in_flight(case: Case) -> Reaction | None:
    running = [run for run in case.runs if run.outcome is None]
    return Reaction("hold", "in_flight", f"run {running[-1].run_id} has no result yet") if running else None


def _answer(case: Case) -> Reaction | None:
    asked = case.episode.last("asked")
    answer = case.episode.answer_to(asked) if asked else None
    if asked is None or answer is None or text_of(answer, "answer") != "hold" or case.is_new_since(asked):
        return None
    by = text_of(answer, "by") or "nobody"
    return Reaction("hold", "answer", f"held by {by} until the episode ends or something new happens")


def _rejected(case: Case) -> Reaction | None:
    last = case.episode.runs[-1] if case.episode.runs else None
    if last is None or last.outcome is None or last.outcome.event != "rejected" or case.is_new_since(last.fired):
        return None
    version = last.outcome.details.get("version")
    return Reaction("hold", "rejected", f"v{version}, retrained because of this, was rejected; nothing new since")


def _up_to_date(case: Case) -> Reaction | None:
    """Whether a training has looked at this interval already: another one would find the same."""
    situation = case.situation
    decided = [entry for entry in situation.entries if entry.action in ("promote", "reject")]
    newest = max(decided, key=lambda entry: entry.as_of, default=None)
    if newest is not None and newest.as_of >= situation.interval.end:
        became = "promoted" if newest.action == "promote" else "rejected"
        reason = f"v{newest.version}, which has learned from this interval too, was {became} already"
        return Reaction("hold", "up_to_date", reason)
    if situation.trained_until is not None and situation.trained_until >= situation.interval.end:
        return Reaction("hold", "up_to_date", f"v{situation.champion} has learned from this interval already")
    return None


def _not_automatic(case: Case) -> Reaction | None:
    if case.situation.config.retraining.automatic:
        return None
    return Reaction("ask", "not_automatic", f"{in_words(case.subjects)}: severe, and retraining is not automatic")


def _cool_down(case: Case) -> Reaction | None:
    cooling = [run for run in case.runs if is_cooling(run, case.situation)]
    if not cooling:
        return None
    intervals = case.situation.config.retraining.cool_down_intervals
    return Reaction("hold", "cool_down", f"no run within {intervals} intervals of {cooling[-1].run_id}")


def _budget(case: Case) -> Reaction | None:
    since: datetime = case.situation.interval.end - _MONTH
    spent = sum(run.fired.interval.end > since for run in case.runs)
    if spent < case.situation.config.retraining.max_per_month:
        return None
    reason = f"{in_words(case.subjects)}: severe, and {spent} runs were fired in the last 30 days, which is the budget"
    return Reaction("ask", "budget", reason)


def _day(event: NewEpisodeEvent) -> str:
    return f"{event.interval.start:%Y-%m-%d %H:%M}"


def _why(event: NewEpisodeEvent) -> str:
    return text_of(event, "reason")


_FIRST: tuple[Callable[[Case], Reaction | None], ...] = (_question, _in_flight, _answer, _rejected)
_THEN: tuple[Callable[[Case], Reaction | None], ...] = (_up_to_date, _not_automatic, _cool_down, _budget)
