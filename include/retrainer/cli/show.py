"""`retrainer show`: one version, why it is in production or is not, and on what evidence."""

import json
from collections.abc import Iterator

import click
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from retrainer.cli.history import entries_table
from retrainer.cli.records import LINKS, check_model, link, named, one_line, parse_version, read_settings, show
from retrainer.cli.version_record import VersionRecord, read_record
from retrainer.config.near_miss import unknown
from retrainer.contracts import Decision, Entry
from retrainer.deployment import standing
from retrainer.errors import ConfigurationError
from retrainer.ledger import Ledger


@click.command("show")
@click.argument("model_version", metavar="MODEL[@VERSION]")
@click.option("--json", "as_json", is_flag=True, help="The same as a JSON object.")
def show_command(model_version: str, *, as_json: bool) -> None:
    """A version of MODEL, by default the champion: since when, why, on what evidence. Reads the ledger only."""
    model, at, text = model_version.partition("@")
    wanted = parse_version(text) if at else None
    ledger = Ledger.open(read_settings().ledger_url)
    check_model(ledger, model)
    entries = ledger.entries(model)
    version = wanted or standing(entries).champion
    if version is None:
        raise ConfigurationError(
            f"{model} has no version in production", hint=f"What was decided: retrainer history {model}"
        )
    known = {str(number): number for number in sorted({entry.version for entry in entries})}
    problem = unknown(str(version), known, what=f"version of {model}")
    if problem:
        raise ConfigurationError(problem)
    record = read_record(entries, version)
    if as_json:
        click.echo(json.dumps(record.to_json(), indent=2, ensure_ascii=False))
    else:
        show(_page(record, with_entries=wanted is not None))


def _page(record: VersionRecord, *, with_entries: bool) -> Group:
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    for name, text in _facts(record):
        facts.add_row(name, Text(text))
    for key, url in record.links.items():
        facts.add_row(LINKS[key], link(url))
    if record.artifact_digest:
        facts.add_row("digest", Text(record.artifact_digest))
    title = Text(f"{record.model} {named(record.version)}: {record.state}", style="bold")
    parts: list[RenderableType] = [title, facts]
    if with_entries:
        parts += [Text(), entries_table(list(reversed(record.entries)))]
    return Group(*parts)


def _facts(record: VersionRecord) -> Iterator[tuple[str, str]]:
    if record.placed is not None:
        yield ("promoted" if record.placed.action == "promote" else "rolled back to"), _who_and_why(record.placed)
    if record.removed is not None:
        yield "rolled away from", _who_and_why(record.removed)
    if record.decided is not None and record.decided is not record.placed:
        yield "decided", _who_and_why(record.decided)
    if record.approved is not None:
        yield "approved", _who_and_why(record.approved)
    yield "trained as of", f"{record.as_of:%Y-%m-%d %H:%M} UTC"
    if record.decision is not None:
        yield from _evidence(record.decision)
    if record.since is not None:
        yield "previous", f"{named(record.previous)}: a rollback goes to it" if record.previous else "none"


def _evidence(decision: Decision) -> Iterator[tuple[str, str]]:
    against = f"champion v{decision.champion_version}" if decision.champion_version else "the baseline rule"
    holdout = decision.holdout
    window = f", {holdout.start:%Y-%m-%d} to {holdout.end:%Y-%m-%d}" if holdout else ""
    yield "compared with", f"{against} on {decision.rows:,} rows in {decision.blocks} blocks{window}"
    if decision.difference is not None and decision.low is not None and decision.high is not None:
        yield (
            "difference",
            f"{decision.metric} {decision.challenger_value:.4f} against {decision.reference_value:.4f}: "
            f"{decision.difference:+.4f}, {decision.confidence:.0%} interval "
            f"[{decision.low:+.4f}, {decision.high:+.4f}]",
        )
    for number, gate in enumerate(decision.gates):
        verdict = "passed" if gate.passed else "FAILED"
        yield ("gates" if number == 0 else ""), f"{verdict} {gate.name}: {one_line(gate.message)}"


def _who_and_why(entry: Entry) -> str:
    text = f"{entry.created_at:%Y-%m-%d %H:%M} UTC by {entry.actor} (entry {entry.sequence}): {entry.reason}"
    return one_line(text)
