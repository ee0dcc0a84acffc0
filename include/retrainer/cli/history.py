"""`retrainer history`: the ledger of one model, the newest entry first."""

import json
from collections.abc import Sequence

import click
from rich.table import Table
from rich.text import Text

from retrainer.cli.records import LINKS, check_model, is_terminal, link, named, one_line, read_settings, show
from retrainer.contracts import Entry
from retrainer.ledger import Ledger

_COLOURS = {
    "promote": "green",
    "rollback": "yellow",
    "repair": "yellow",
    "reject": "red",
    "split": "cyan",
    "shadow": "cyan",
    "switch_off": "red",
    "switch_on": "green",
}

_EVIDENCE = ("report_url", "card_url")


@click.command()
@click.argument("model")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="The newest N entries. Default: all.")
@click.option("--json", "as_json", is_flag=True, help="All there is in each entry, as a JSON array.")
def history(model: str, limit: int | None, *, as_json: bool) -> None:
    """What was decided about MODEL, by whom, when and why. Reads the ledger only."""
    ledger = Ledger.open(read_settings().ledger_url)
    check_model(ledger, model)
    entries = list(reversed(ledger.entries(model)))[:limit]
    if as_json:
        click.echo(json.dumps([entry.model_dump(mode="json") for entry in entries], indent=2, ensure_ascii=False))
    else:
        show(entries_table(entries, with_links=True))


def entries_table(entries: Sequence[Entry], *, with_links: bool = False) -> Table:
    """One row for each entry, in their order."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("entry", justify="right", no_wrap=True)
    for name in ("when (UTC)", "action", "version", "champion"):
        table.add_column(name, no_wrap=True)
    table.add_column("who", overflow="fold")
    table.add_column("why", overflow="fold")
    if with_links:
        table.add_column("evidence", overflow="fold")
    for entry in entries:
        table.add_row(
            str(entry.sequence),
            f"{entry.created_at:%Y-%m-%d %H:%M}",
            Text(entry.action, style=_COLOURS.get(entry.action, "")),
            named(entry.version),
            named(entry.champion_version),
            Text(one_line(entry.actor)),
            Text(one_line(entry.reason)),
            *([_links(entry)] if with_links else []),
        )
    return table


def _links(entry: Entry) -> Text:
    """Report and card of the version: on a terminal two words to click on, elsewhere two addresses."""
    found = {name: str(url) for name in _EVIDENCE if (url := entry.evidence.get(name))}
    as_words = is_terminal()
    return Text(" ").join(link(url, text=LINKS[name] if as_words else "") for name, url in found.items())
