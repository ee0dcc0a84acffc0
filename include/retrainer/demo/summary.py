"""What came of the demo: one entry a run, a verdict, JSON and a table."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import Field
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from retrainer.contracts import Contract, UtcDatetime
from retrainer.demo.episode import EpisodeSummary
from retrainer.demo.run_summary import Outcome, RunSummary
from retrainer.demo.steady import Traffic

_COLOURS: Mapping[Outcome, str] = {"promote": "green", "reject": "yellow", "stopped": "red"}
_ROOM_FOR_REASONS = 120


class Summary(Contract):
    """The whole demo: whether all happened that had to, how long it took, and where to look."""

    ok: bool
    seconds: float = Field(ge=0)
    runs: tuple[RunSummary, ...]
    episode: EpisodeSummary | None = None
    """What the nights led to that were monitored."""
    urls: dict[str, str]
    traffic: Traffic | None = None
    """What a client saw that asked the model server all the time."""
    missing: tuple[str, ...] = ()
    """In words, what had to happen and did not."""

    def write(self, path: Path) -> None:
        """Write as JSON, in one piece."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(self.model_dump(mode="json"), indent=2) + "\n", encoding="utf-8")
        partial.replace(path)


def what_is_missing(runs: Sequence[RunSummary], *, broken: UtcDatetime, column: str, quarantined: bool) -> list[str]:
    """What the demo has to show and did not, in words."""
    by_time = {run.as_of: run for run in runs}
    stopped = by_time.get(broken)
    after = [run for run in runs if run.as_of > broken]
    needed = {
        "a challenger that is promoted over a champion": any(
            run.decision == "promote" and run.champion_version is not None for run in runs
        ),
        "a challenger that is rejected": any(run.decision == "reject" for run in runs),
        f"a broken day that validation stops, naming {column!r}": stopped is not None
        and stopped.decision == "stopped"
        and column in stopped.reason,
        "the broken day in quarantine": quarantined,
        "the day after, trained again": bool(after) and all(run.state == "success" for run in after),
        "every other run finished": all(run.state == "success" for run in runs if run.as_of != broken),
    }
    return [what for what, happened in needed.items() if not happened]


def what_was_not_served(runs: Sequence[RunSummary], traffic: Traffic) -> list[str]:
    """What the model server has to show and did not, in words: each promotion, and an answer to every request."""
    problems = [
        f"v{run.challenger_version} served after its promotion ({_version(run.served_version) or 'nothing'} was)"
        for run in runs
        if run.decision == "promote" and run.served_version != run.challenger_version
    ]
    if traffic.failures:
        problems.append(f"an answer to each request ({traffic.failures} failed, first {traffic.errors[0]})")
    if not traffic.requests:
        problems.append("a request that was answered")
    return problems


def summary_table(runs: Sequence[RunSummary], *, width: int) -> RenderableType:
    """The table at the end: one row a run. Where `width` columns leave no room for the reasons, they stand below it."""
    table = Table(title="What was decided, and why", title_justify="left", show_lines=True)
    for name in ("as of", "rows", "champion", "challenger", "difference", "decision"):
        table.add_column(name, no_wrap=True, justify="right" if name in ("rows", "difference") else "left")
    if width < _ROOM_FOR_REASONS:
        for run in runs:
            table.add_row(*_cells(run))
        return Group(table, _reasons(runs))
    table.add_column("reason", overflow="fold")
    for run in runs:
        table.add_row(*_cells(run), escape(run.reason))
    return table


def _cells(run: RunSummary) -> tuple[str, ...]:
    interval = escape(f"\n[{run.interval[0]:+.4f}, {run.interval[1]:+.4f}]") if run.interval else ""
    served = f"\nserves {_version(run.served_version)}" if run.served_version is not None else ""
    return (
        f"{run.as_of:%Y-%m-%d}",
        f"{run.rows:,}" if run.rows is not None else "",
        _version(run.champion_version) or ("rule" if run.challenger_version else ""),
        _version(run.challenger_version),
        f"{run.difference:+.4f}{interval}" if run.difference is not None else "",
        f"[{_COLOURS[run.decision]}]{run.decision}[/]{served}",
    )


def _reasons(runs: Sequence[RunSummary]) -> Table:
    reasons = Table.grid(padding=(0, 2))
    for run in runs:
        reasons.add_row(f"{run.as_of:%Y-%m-%d}", escape(run.reason))
    return reasons


def _version(version: int | None) -> str:
    return f"v{version}" if version is not None else ""
