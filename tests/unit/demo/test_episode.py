"""What the demo says of the nights that were monitored."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from retrainer.contracts import Finding, Interval, Monitored
from retrainer.demo.episode import episode_lines, summarize_episode, what_was_not_watched
from retrainer.demo.run_summary import RunSummary

FIRST = datetime(2013, 12, 9, 5, tzinfo=UTC)
FINDING = Finding(
    about="feature",
    subjects=("weather__temp",),
    effect=3.25,
    severity="severe",
    message="weather__temp moved by 3.25 standard deviations, 1.2 is usual; in 3 of the last 3 intervals",
)
RUN_ID = "monitor__1__2013-12-11T05:00:00Z"


def night(number: int, *, action: str = "none", episode: int | None = None) -> Monitored:
    start = FIRST + timedelta(days=number)
    return Monitored(
        model="flight_delay",
        interval=Interval(start=start, end=start + timedelta(days=1)),
        version=5,
        verdict="severe" if episode else "quiet",
        findings=(FINDING,) if episode else (),
        episode=episode,
        action=action,
        reason="feature weather__temp" if episode else "nothing about the model is confirmed",
        train_run_id=RUN_ID if action == "retrain" else "",
        report_url="http://mlflow/report" if episode else "",
    )


def trained(decision: str = "promote") -> RunSummary:
    return RunSummary(
        as_of=FIRST + timedelta(days=3),
        run_id=RUN_ID,
        state="success",
        challenger_version=6,
        decision=decision,
        reason="better than champion v5",
    )


NIGHTS = [night(0), night(1), night(2, action="retrain", episode=1)]


def test_the_episode_has_its_findings_its_trigger_and_what_became_of_it():
    episode = summarize_episode(NIGHTS, trained())
    assert episode is not None
    assert (episode.number, episode.confirmed, episode.severity) == (1, FIRST + timedelta(days=3), "severe")
    assert episode.findings == (FINDING.message,)
    assert (episode.trigger, episode.report_url) == (RUN_ID, "http://mlflow/report")
    assert episode.run == trained()
    assert what_was_not_watched(episode) == []


@pytest.mark.parametrize(
    ("nights", "run", "missing"),
    [
        (NIGHTS[:2], None, "an episode that monitoring confirms"),
        ([*NIGHTS[:2], night(2, episode=1)], None, "a training run that the episode fires"),
        (NIGHTS, trained("stopped"), "the run that the episode fired, finished"),
    ],
)
def test_what_did_not_happen_is_said(nights, run, missing):
    assert what_was_not_watched(summarize_episode(nights, run)) == [missing]


def test_it_can_be_read_in_a_narrow_terminal():
    console = Console(width=80, record=True, file=io.StringIO())
    episode = summarize_episode(NIGHTS, trained("reject"))
    assert episode is not None
    console.print(episode_lines(episode))
    text = " ".join(console.export_text().split())
    assert "Episode 1, confirmed 2013-12-12: severe" in text
    assert "weather__temp moved by 3.25 standard deviations" in text
    assert f"fired {RUN_ID}" in text
    assert "v6: reject, better than champion v5" in text
