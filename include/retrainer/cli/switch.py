"""`retrainer switch`: have the rule answer for a model, or the model again, in one command."""

import time
import uuid

import click

from retrainer.cli.records import check_model, current_user, read_settings
from retrainer.contracts import Entry, digest_json
from retrainer.ledger import Ledger
from retrainer.steps.release_server import model_server
from retrainer.steps.release_switch import Switch, switch
from retrainer.steps.release_told import told


@click.command("switch")
@click.argument("model")
@click.argument("to", metavar="off|on", type=click.Choice(["off", "on"]))
@click.option("--reason", required=True, metavar="TEXT", help="Why, for whoever reads the history.")
def switch_command(model: str, to: str, reason: str) -> None:
    """Switch MODEL off, so that its rule answers, or on again.

    The ledger gets an entry and the model server obeys without a restart. Promotions and rollbacks go on as ever, and
    switch nothing on.
    """
    settings = read_settings()
    ledger = Ledger.open(settings.ledger_url)
    check_model(ledger, model)
    identity = digest_json({"action": "switch", "model": model, "request": str(uuid.uuid4())})
    asked = Switch(model, to == "off", reason, current_user(), identity)
    server = model_server(settings)
    entry, is_new = switch(asked, ledger)
    click.echo(_switched(entry, to) if is_new else _already(entry, to))
    if server is None:
        click.echo("There is no model server: the setting serving_uri is none.")
        return
    started = time.monotonic()
    release = told(entry, ledger, server)
    if release.served is None and not release.note:
        click.echo(f"{server.name[0].upper()}{server.name[1:]} does not serve {model}.")
        return
    after = f", after {time.monotonic() - started:.1f} s" if release.served else ""
    click.echo(f"{release.note[0].upper()}{release.note[1:]}{after}.")


def _switched(entry: Entry, to: str) -> str:
    who = f"v{entry.champion_version}" if entry.champion_version and to == "on" else "its rule"
    return f"{entry.model} is switched {to} (entry {entry.sequence}): {who} is to answer."


def _already(entry: Entry, to: str) -> str:
    since = f" since {entry.created_at:%Y-%m-%d %H:%M} UTC (entry {entry.sequence})"
    return f"{entry.model} is switched {to} already{since if entry.action.startswith('switch') else ''}."
