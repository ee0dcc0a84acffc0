"""`retrainer demo`: load the flights, start the stack, play the story, say what came of it."""

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console

from retrainer.config.load import load_declaration
from retrainer.config.runtime import RuntimeSettings, find_project_root, load_settings
from retrainer.demo.airflow_api import AirflowApi
from retrainer.demo.episode import episode_lines, what_was_not_watched
from retrainer.demo.play import Played, Player
from retrainer.demo.progress import Progress
from retrainer.demo.run_summary import RunSummary
from retrainer.demo.source import load_example
from retrainer.demo.steady import SteadyClient, Traffic, example_record
from retrainer.demo.story import MODEL, RENAMED, STORY
from retrainer.demo.summary import Summary, summary_table, what_is_missing, what_was_not_served
from retrainer.stack.local import Stack, StackRunningError, StartedStack, attach, stop_stack

_INTERRUPTED = 130


@click.command()
@click.option("--exit", "exit_at_end", is_flag=True, help="Stop the stack at the end instead of leaving the UIs up.")
def demo(*, exit_at_end: bool) -> None:
    """Play real days of 2013 through the whole loop; exit status 0 only if all of it happened."""
    console = Console(highlight=False)
    settings = load_settings(os.environ, find_project_root(Path.cwd()))
    started = time.monotonic()
    with Progress(console) as progress, _stack(settings, progress, stop_at_end=exit_at_end) as stack:
        played, traffic = _play(settings, stack, progress)
        summary = _summarize(stack, played, traffic, seconds=time.monotonic() - started)
    path = settings.home / "demo" / "summary.json"
    summary.write(path)
    _report(console, summary, path)
    if not exit_at_end:
        _print_addresses(console, summary, stack)
    sys.exit(0 if summary.ok else 1)


@contextmanager
def _stack(settings: RuntimeSettings, progress: Progress, *, stop_at_end: bool) -> Iterator[Stack]:
    """The local stack, with the example's source loaded. One that was running before is used as it is."""
    try:
        launched = StartedStack(settings)
    except StackRunningError:
        progress.say("using the stack that is running already")
        progress.say(load_example(settings))
        yield attach(settings)
        if stop_at_end:
            stop_stack(settings)
        return
    keep = False
    try:
        with ThreadPoolExecutor(max_workers=1) as pool:  # the rows load while the services start
            loading = pool.submit(load_example, settings)
            launched.wait_ready(report=progress.say)
            progress.say(loading.result())
        yield launched.stack
        keep = not stop_at_end
        if keep:
            launched.detach()
    except KeyboardInterrupt:
        progress.say("stopping")
        sys.exit(_INTERRUPTED)
    finally:
        if not keep:
            launched.stop()


def _play(settings: RuntimeSettings, stack: Stack, progress: Progress) -> tuple[Played, Traffic | None]:
    config = load_declaration(settings.models_dir / f"{MODEL}.yaml")
    data = Path(settings.data_uri)
    with AirflowApi(stack.airflow_url, username=stack.username, password=stack.password) as api:
        if not settings.has_server or config.serving is None:
            return Player(api, progress, config, data).play(), None
        with SteadyClient(stack.server_url, MODEL, example_record(config)) as client:
            played = Player(api, progress, config, data, client).play()
            return played, client.traffic()


def _summarize(stack: Stack, played: Played, traffic: Traffic | None, *, seconds: float) -> Summary:
    broken = next(run.as_of for run, chapter in zip(played.runs, STORY, strict=True) if chapter.broken)
    missing = what_is_missing(played.runs, broken=broken, column=RENAMED[0], quarantined=played.quarantined)
    missing += what_was_not_watched(played.episode)
    if traffic is not None:
        missing += what_was_not_served([*played.runs, *_fired(played)], traffic)
    return Summary(
        ok=not missing,
        seconds=round(seconds, 1),
        runs=tuple(played.runs),
        episode=played.episode,
        urls={"airflow": stack.airflow_url, "mlflow": stack.mlflow_url, "models": f"{stack.server_url}/docs"},
        traffic=traffic,
        missing=tuple(missing),
    )


def _fired(played: Played) -> list[RunSummary]:
    return [played.episode.run] if played.episode is not None and played.episode.run is not None else []


def _report(console: Console, summary: Summary, path: Path) -> None:
    console.print(summary_table(summary.runs, width=console.width))
    if summary.episode is not None:
        console.print(episode_lines(summary.episode))
    if summary.traffic is not None:
        seen = summary.traffic
        by = ", ".join(f"{who} {count:,}" for who, count in seen.answers.items())
        console.print(
            f"The model server answered {seen.requests:,} requests meanwhile ({by}): {seen.failures} failed, "
            f"p95 {seen.p95_ms} ms."
        )
    for what in summary.missing:
        console.print(f"[red]did not happen:[/] {what}")
    if not summary.ok:
        console.print(
            "A home in which later days were trained before tells another story: see RETRAINER_HOME in README."
        )
    console.print(f"{summary.seconds:.0f} s; the same as JSON in {path}", soft_wrap=True)


def _print_addresses(console: Console, summary: Summary, stack: Stack) -> None:
    for name, url in summary.urls.items():
        console.print(f"{name:<8} {url}", soft_wrap=True)
    console.print(f"Airflow's user is {stack.username}, the password is in {stack.password_file}.", soft_wrap=True)
    console.print("`.venv/bin/retrainer down` stops it all.")
