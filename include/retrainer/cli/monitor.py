"""`retrainer monitor`: what monitoring measured in the last weeks, the episodes, and what became of them."""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta

import click
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from retrainer.cli.monitored import Line, lines_of
from retrainer.cli.records import is_terminal, one_line, read_settings, show
from retrainer.cli.sparkline import sparkline
from retrainer.config.near_miss import unknown
from retrainer.contracts import Interval, NewEpisodeEvent, Recorded
from retrainer.errors import ConfigurationError
from retrainer.ledger import Episodes, History, Ledger
from retrainer.monitoring.episode import Episode, became, episodes_of, trigger

_COLOURS = {"warn": "yellow", "severe": "red"}

_BARS, _FEWEST_BARS = 60, 14
_BESIDE = 110
"""Characters of a line that the other columns need."""


@click.command()
@click.argument("model")
@click.option("--weeks", type=click.IntRange(1, 520), default=8, show_default=True, help="How far to look back.")
@click.option("--column", metavar="NAME", help="Every measure of this one column or metric, instead of one of each.")
@click.option("--json", "as_json", is_flag=True, help="All there is about those weeks, as a JSON object.")
def monitor(model: str, weeks: int, column: str | None, *, as_json: bool) -> None:
    """What was measured about MODEL up to the newest interval that was monitored, and its episodes."""
    url = read_settings().ledger_url
    history = History.open(url)
    newest = _newest(history, Ledger.open(url), model)
    since = newest.end - timedelta(weeks=weeks)
    measured = history.latest(model, since, newest.end)
    if column is not None:
        measured = _only(measured, column)
    events = Episodes.open(url).events(model)
    if as_json:
        click.echo(json.dumps(_as_json(model, measured, events), indent=2, ensure_ascii=False))
        return
    title = f"{model}: {since:%Y-%m-%d} to {newest.end:%Y-%m-%d %H:%M} UTC"
    show(_page(title, lines_of(measured, events, every=column is not None), episodes_of(events)))


def _newest(history: History, ledger: Ledger, model: str) -> Interval:
    """The newest interval of `model` that was monitored.

    Raises:
        ConfigurationError: there is none, or no such model.
    """
    newest = history.newest(model)
    if newest is not None:
        return newest
    models = sorted({*history.models(), *ledger.models()})
    problem = unknown(model, models, what="model") if models else None
    hint = f"Once {model}__monitor has run in Airflow, its measurements are here."
    raise ConfigurationError(problem or f"{model} has not been monitored yet", hint=None if problem else hint)


def _only(measured: Iterable[Recorded], column: str) -> tuple[Recorded, ...]:
    everything = tuple(measured)
    problem = unknown(column, sorted({each.subject for each in everything}), what="column or metric")
    if problem:
        raise ConfigurationError(problem)
    return tuple(each for each in everything if each.subject == column)


def _as_json(model: str, measured: Iterable[Recorded], events: Iterable[NewEpisodeEvent]) -> dict[str, object]:
    return {
        "model": model,
        "measurements": [each.model_dump(mode="json") for each in measured],
        "events": [event.model_dump(mode="json") for event in events],
    }


def _page(title: str, lines: Sequence[Line], episodes: Sequence[Episode]) -> Group:
    parts: list[RenderableType] = [Text(title, style="bold"), _measurements(lines), Text()]
    parts.append(_episodes(episodes) if episodes else Text("No episode yet."))
    return Group(*parts)


def _measurements(lines: Iterable[Line]) -> Table:
    table = _table("about", "what", "measure", "course", "last", "usual", "flagged", "state")
    width = _BARS if not is_terminal() else max(_FEWEST_BARS, min(_BARS, Console().width - _BESIDE))
    for line in lines:
        table.add_row(
            line.about,
            line.subject,
            line.measure,
            sparkline(line.points, width=width),
            Text(line.last, style="red" if line.is_flagged else ""),
            line.usual,
            f"{line.flagged} of {line.known}",
            Text(one_line(line.state), style="bold red" if line.is_confirmed else ""),
        )
    return table


def _episodes(episodes: Iterable[Episode]) -> Table:
    table = _table("episode", "about", "opened", "ended", "severity", "trigger", "what became of it")
    for episode in sorted(episodes, key=lambda each: each.opened.interval.start, reverse=True):
        ended = episode.ended
        table.add_row(
            str(episode.number),
            episode.topic,
            f"{episode.opened.interval.start:%Y-%m-%d}",
            f"{ended.interval.start:%Y-%m-%d}" if ended else "open",
            Text(episode.severity, style=_COLOURS.get(episode.severity, "")),
            Text(one_line(trigger(episode))),
            Text(one_line(became(episode))),
        )
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        is_text = name in ("state", "trigger", "what became of it")
        table.add_column(name, overflow="fold", no_wrap=not is_text)
    return table
