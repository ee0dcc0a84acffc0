"""`retrainer rebuild`: train a registered version again from its registry entry, and say match or mismatch."""

import sys

import click
from rich.console import Group
from rich.table import Table
from rich.text import Text

from retrainer.cli.asked import asked_now, run_step
from retrainer.cli.records import named, one_line, parse_version, read_settings, show
from retrainer.config.declaration import Limits as DeclaredLimits
from retrainer.contracts import Rebuild, RebuildCheck
from retrainer.errors import ConfigurationError
from retrainer.runtimes.limits import Limits

EXIT_MISMATCH = 1

_DEFAULT = DeclaredLimits()
_SHOWN = 12
_VERDICTS = {
    True: Text("same", style="green"),
    False: Text("differs", style="red"),
    None: Text("not compared", style="dim"),
}


@click.command()
@click.argument("model_version", metavar="MODEL@VERSION")
@click.option("--json", "as_json", is_flag=True, help="Every check in full, as a JSON object.")
@click.option("--memory-mb", type=click.IntRange(256), default=_DEFAULT.memory_mb, show_default=True)
@click.option("--timeout-minutes", type=click.IntRange(1), default=_DEFAULT.timeout_minutes, show_default=True)
@click.option("--verbose", is_flag=True, help="Show the log of the step on stderr.")
def rebuild(model_version: str, *, as_json: bool, memory_mb: int, timeout_minutes: int, verbose: bool) -> None:
    """Train a version of MODEL again from its registry entry alone, and compare.

    Data, configuration and code are those that were pinned with the version; nothing of production is touched. Exit
    status: 0 the same version came out; 1 another one did; 78 it cannot be rebuilt (no such version, archived, data
    gone).
    """
    model, at, text = model_version.partition("@")
    if not model or not at:
        raise ConfigurationError(f"name a version, such as {model or 'flight_delay'}@7, got {model_version!r}")
    request = asked_now("rebuild", model, {"version": parse_version(text)})
    limits = Limits(memory_mb=memory_mb, time_seconds=timeout_minutes * 60)
    rebuilt = run_step(request, read_settings(), limits, Rebuild, verbose=verbose)
    if as_json:
        click.echo(rebuilt.model_dump_json(indent=2))
    else:
        show(Group(_table(rebuilt), Text()))
        click.echo(_verdict(rebuilt))
    if not rebuilt.matches:
        sys.exit(EXIT_MISMATCH)


def _table(rebuilt: Rebuild) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("check", "verdict", "then", "now", "in words"):
        table.add_column(name, no_wrap=name != "in words", overflow="fold")
    for check in rebuilt.checks:
        table.add_row(check.name, _VERDICTS[check.matches], *_values(check), Text(one_line(check.message)))
    return table


def _values(check: RebuildCheck) -> tuple[Text, Text]:
    """What was expected and what was found, cut short; the second is left out where it is the same."""
    found = check.found[:_SHOWN] if check.found != check.expected else ""
    return Text(check.expected[:_SHOWN]), Text(found)


def _verdict(rebuilt: Rebuild) -> str:
    name = f"{rebuilt.model} {named(rebuilt.version)}"
    if not rebuilt.matches:
        return f"Mismatch: {name} was not rebuilt; the first thing that differs is: {rebuilt.first_difference}."
    noted = [check.name for check in rebuilt.checks if check.matches is False]
    differ = "differs" if len(noted) == 1 else "differ"
    without_effect = f" ({' and '.join(noted)} {differ}, without effect)" if noted else ""
    return f"Match: {name} was rebuilt; data are the same, predictions are equal to the byte{without_effect}."
