"""Showing runs as they go: lines where nobody watches, a live table on a terminal."""

import io
import re

from rich.console import Console

from retrainer.demo.airflow_api import DagRun
from retrainer.demo.progress import Progress

TASKS = ("wait_for_data", "snapshot", "validate_data")


def run(state: str, *states: str) -> DagRun:
    return DagRun("m__train", "run", state, dict(zip(TASKS, states, strict=True)))


def show(console: Console, *looks: DagRun) -> None:
    with Progress(console) as progress:
        for look in looks:
            progress.show("train as of 17 Jun", look)


def test_without_a_terminal_each_change_is_one_line():
    output = io.StringIO()

    show(
        Console(file=output, width=80),
        run("queued", "", "", ""),
        run("running", "running", "", ""),
        run("running", "running", "", ""),
        run("running", "success", "running", ""),
        run("success", "success", "success", "success"),
    )

    assert [re.sub(r"^ +[\d.]+ s  ", "", line) for line in output.getvalue().splitlines()] == [
        "train as of 17 Jun: queued",
        "train as of 17 Jun: wait_for_data",
        "train as of 17 Jun: snapshot",
        "train as of 17 Jun: success",
    ]


def test_a_long_line_is_not_broken_and_brackets_are_no_markup():
    output = io.StringIO()
    text = f"{'long ' * 30}[-0.0046, +0.0120] [/closed]"

    with Progress(Console(file=output, width=80)) as progress:
        progress.say(text)

    assert output.getvalue().rstrip("\n").endswith(text)
    assert output.getvalue().count("\n") == 1


def test_on_a_terminal_one_row_a_run_shows_its_tasks_and_its_state():
    output = io.StringIO()
    console = Console(file=output, width=100, force_terminal=True, color_system=None, legacy_windows=False)

    show(
        console,
        run("running", "success", "running", ""),
        run("failed", "success", "success", "failed"),
    )

    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", output.getvalue())
    last = [line.rstrip() for line in text.replace("\r", "\n").splitlines() if line.strip()]
    assert last[-2].split("  ") == ["train as of 17 Jun", "● ● ✗ validate_data", "failed"]
    assert re.fullmatch(r" +\d+ s", last[-1])
