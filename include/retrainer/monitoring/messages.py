"""What people are told, in Slack's mrkdwn. What comes from outside is escaped, so that it cannot mention anybody."""

from collections.abc import Sequence
from html import escape

from retrainer.contracts import EpisodeTopic, Finding, NewAlert, NewEpisodeEvent
from retrainer.monitoring.episode import text_of
from retrainer.monitoring.reaction import Reaction
from retrainer.monitoring.situation import Situation

_LONGEST = 600
_ICONS = {"warn": ":large_yellow_circle:", "severe": ":red_circle:"}
_TOPICS: dict[EpisodeTopic, str] = {"model": "episode", "service": "service episode"}
_NEWS = ("fired", "asked", "escalated")
"""What is told of an episode that is open already, the most important first."""
_OUTCOMES = ("promoted", "rejected", "unfinished")


def alerts_about(
    situation: Situation, events: Sequence[NewEpisodeEvent], reaction: Reaction | None
) -> tuple[NewAlert, ...]:
    """The alerts that the events of an interval are worth.

    One when an episode opens; one when it becomes severe, a run is fired or a person is asked; one when it ends; one
    when it is known what became of its training run. Several of these at once are one, the outcome apart.
    """
    found = [_outcome(situation, event) for event in events if event.event in _OUTCOMES]
    for topic in _TOPICS:
        own = {event.event: event for event in events if event.topic == topic}
        if opened := own.get("opened"):
            found.append(_confirmed(situation, opened, reaction, said="has opened"))
        elif news := next((own[kind] for kind in _NEWS if kind in own and _is_told(own[kind])), None):
            found.append(_confirmed(situation, news, reaction, said=_said(news)))
        if ended := own.get("ended"):
            found.append(_ended(situation, ended))
    return tuple(found)


def _is_told(event: NewEpisodeEvent) -> bool:
    """One more column is no news by itself; that it is severe now is."""
    return event.event != "escalated" or (event.severity == "severe" and text_of(event, "was") != "severe")


def _said(event: NewEpisodeEvent) -> str:
    return {"escalated": "has become severe", "fired": "is retrained", "asked": "needs a decision"}[event.event]


def _confirmed(situation: Situation, event: NewEpisodeEvent, reaction: Reaction | None, *, said: str) -> NewAlert:
    findings = [f"• {_finding(each)}" for each in situation.believed(event.topic)]
    icon = _ICONS.get(event.severity, _ICONS["warn"])
    title = f"{icon} *{_plain(situation.model)}*: {_TOPICS[event.topic]} {event.episode} {said} ({event.severity})"
    done = _done(reaction) if event.topic == "model" else "Retraining: none, it does not help a server."
    return _alert(situation, event, [title, *findings, done])


def _finding(finding: Finding) -> str:
    return f"{finding.about}: {_plain(finding.message)}"


def _done(reaction: Reaction | None) -> str:
    """What was done about it, or is asked."""
    if reaction is None or reaction.does == "nothing":
        return "Retraining: none, this is a warning."
    why = _plain(reaction.reason)
    if reaction.does == "fire":
        return "Retraining: a training run was fired."
    if reaction.does == "ask":
        return f"Retraining: *please decide*, under _Required Actions_ in Airflow. {why[:1].upper()}{why[1:]}."
    return f"Retraining: held, {why}."


def _ended(situation: Situation, event: NewEpisodeEvent) -> NewAlert:
    title = f":white_check_mark: *{_plain(situation.model)}*: {_TOPICS[event.topic]} {event.episode} has ended"
    return _alert(situation, event, [title, "Nothing of it is confirmed any more."])


def _outcome(situation: Situation, event: NewEpisodeEvent) -> NewAlert:
    """What became of the training run of an episode."""
    version, reason = event.details.get("version"), _plain(text_of(event, "reason"))
    icon, said = {
        "promoted": (":rocket:", f"v{version}, trained because of episode {event.episode}, is promoted"),
        "rejected": (":no_entry:", f"v{version}, trained because of episode {event.episode}, was rejected"),
        "unfinished": (":warning:", f"the training run of episode {event.episode} has no result"),
    }[event.event]
    after = {
        "promoted": f"Why: {reason}",
        "rejected": f"Why: {reason}\nNo other run is fired until something new happens.",
        "unfinished": f"Run {_plain(text_of(event, 'run_id'))}: look at it in Airflow. Another one may follow.",
    }[event.event]
    return _alert(situation, event, [f"{icon} *{_plain(situation.model)}*: {said}", after])


def _alert(situation: Situation, event: NewEpisodeEvent, lines: Sequence[str]) -> NewAlert:
    interval = situation.interval
    report = f" · <{_address(situation.report_url)}|Report>" if situation.report_url else ""
    when = f"Interval: {interval.start:%Y-%m-%d %H:%M} to {interval.end:%Y-%m-%d %H:%M} UTC{report}"
    return NewAlert(
        model=situation.model, identity=event.identity, text="\n".join([*lines, when]), run_id=situation.run_id
    )


def _address(url: str) -> str:
    """A URL between < and |, which it must not end itself."""
    return _escaped(url.replace("|", "%7C"))


def _plain(text: str) -> str:
    return _escaped(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}...")


def _escaped(text: str) -> str:
    return escape(text, quote=False)
