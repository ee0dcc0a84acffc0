"""Showing runs and tasks as they go: a live table on a terminal, a line for each change elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from retrainer.demo.airflow_api import DagRun

_MARKS = {
    "success": ("●", "green"),
    "running": ("◐", "cyan"),
    "failed": ("✗", "red"),
    "upstream_failed": ("-", "red"),
    "skipped": ("-", "dim"),
    "deferred": ("◌", "cyan"),
    "up_for_retry": ("↻", "yellow"),
    "queued": ("◌", "dim"),
    "scheduled": ("◌", "dim"),
}


class Progress:
    """The runs of the demo, in the order in which they started."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._runs: dict[str, DagRun] = {}
        self._said: dict[str, str] = {}
        self._live = Live(console=console, refresh_per_second=4) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.update(self._table())
            self._live.stop()

    def say(self, text: str) -> None:
        """One line that stays."""
        self._console.print(f"[dim]{self._elapsed():6.1f} s[/]  {escape(text)}", highlight=False, soft_wrap=True)

    def show(self, title: str, run: DagRun) -> None:
        """How a run stands now; `title` says what it is."""
        self._runs[title] = run
        if self._live is not None:
            self._live.update(self._table())
            return
        doing = next((task for task, state in run.tasks.items() if state == "running"), run.state)
        if self._said.get(title) != doing:
            self._said[title] = doing
            self.say(f"{title}: {doing}")

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        for title, run in self._runs.items():
            table.add_row(title, _tasks(run), Text(run.state, style=_MARKS.get(run.state, ("", "dim"))[1]))
        table.add_row("", "", Text(f"{self._elapsed():.0f} s", style="dim"))
        return table

    def _elapsed(self) -> float:
        return time.monotonic() - self._started


def _tasks(run: DagRun) -> Text:
    text = Text()
    for state in run.tasks.values():
        text.append(*_MARKS.get(state, ("·", "dim")))
        text.append(" ")
    doing = next((task for task, state in run.tasks.items() if state in ("running", "failed")), "")
    return text.append(doing, style="dim")
