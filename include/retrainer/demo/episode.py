"""What came of the nights that were watched: the episode, the training run that it fired, and what became of that."""

from collections.abc import Sequence

from pydantic import Field
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.text import Text

from retrainer.contracts import Contract, Monitored, UtcDatetime
from retrainer.demo.run_summary import RunSummary


class EpisodeSummary(Contract):
    """An episode that monitoring has confirmed. `run` is null where it led to no training run."""

    number: int = Field(ge=1)
    confirmed: UtcDatetime
    """End of the interval in which it was."""
    severity: str
    findings: tuple[str, ...]
    """In words, with the numbers."""
    trigger: str
    """Id of the training run that was fired; empty: none was."""
    report_url: str
    run: RunSummary | None = None
    """What became of that run."""


def summarize_episode(nights: Sequence[Monitored], run: RunSummary | None) -> EpisodeSummary | None:
    """The episode that the nights led to, from what monitor handed on; None where nothing was confirmed."""
    confirmed = next((night for night in nights if night.episode is not None), None)
    if confirmed is None or confirmed.episode is None:
        return None
    return EpisodeSummary(
        number=confirmed.episode,
        confirmed=confirmed.interval.end,
        severity=confirmed.verdict,
        findings=tuple(finding.message for finding in confirmed.findings),
        trigger=next((night.train_run_id for night in nights if night.action == "retrain"), ""),
        report_url=confirmed.report_url,
        run=run,
    )


def what_was_not_watched(episode: EpisodeSummary | None) -> list[str]:
    """What monitoring has to show and did not, in words."""
    if episode is None:
        return ["an episode that monitoring confirms"]
    if not episode.trigger:
        return ["a training run that the episode fires"]
    if episode.run is None or episode.run.decision == "stopped":
        return ["the run that the episode fired, finished"]
    return []


def episode_lines(episode: EpisodeSummary) -> RenderableType:
    """The episode for a terminal."""
    heading = Text(f"Episode {episode.number}, confirmed {episode.confirmed:%Y-%m-%d}: {episode.severity}", "bold")
    lines = [f"  {escape(finding)}" for finding in episode.findings]
    if episode.trigger:
        lines.append(f"  fired {escape(episode.trigger)}")
    if episode.run is not None:
        version = f"v{episode.run.challenger_version}: " if episode.run.challenger_version else ""
        lines.append(f"  {version}{episode.run.decision}, {escape(episode.run.reason)}")
    return Group(heading, *lines)
