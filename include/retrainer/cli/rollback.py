"""`retrainer rollback`: put an earlier version in production, in one command."""

from typing import Literal

import click
from pydantic import JsonValue

from retrainer.cli.asked import asked_now, run_step
from retrainer.cli.records import check_model, current_user, named, parse_version, read_settings
from retrainer.config.load import load_declaration
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import Release
from retrainer.deployment import standing
from retrainer.errors import ConfigurationError
from retrainer.ledger import Ledger
from retrainer.runtimes.limits import Limits

_LIMITS = Limits(memory_mb=4096, time_seconds=600)


@click.command()
@click.argument("model")
@click.option("--to", "to", metavar="VERSION", help="A version's number. Default: the one before the champion.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for whoever reads the history.")
@click.option("--verbose", is_flag=True, help="Show the log of the step on stderr.")
def rollback(model: str, to: str | None, reason: str, *, verbose: bool) -> None:
    """Put an earlier version of MODEL in production.

    The version is loaded and has to give its recorded outputs first. The one in production, and whatever came after the
    version that is rolled back to, is not promoted again by any run. Exit status 78: refused, nothing was moved.
    """
    settings = read_settings()
    ledger = Ledger.open(settings.ledger_url)
    check_model(ledger, model)
    target: int | Literal["previous"] = "previous" if to in (None, "previous") else parse_version(str(to))
    params: dict[str, JsonValue] = {"target": target, "reason": reason, "actor": current_user()}
    request = asked_now("rollback", model, params, config=_declared(settings, model))
    release = run_step(request, settings, _LIMITS, Release, verbose=verbose)
    entries = ledger.entries(model)[: release.sequence]
    left = entries[-1].evidence.get("from")
    came_from = f"v{left}" if left else "no version"
    now = f"{named(release.version)} is in production now, it was {came_from} (entry {release.sequence})."
    click.echo(f"{model}: {now}")
    barred = sorted(standing(entries).barred - standing(entries[:-1]).barred)
    away = f"No run promotes {' or '.join(map(named, barred))} again. " if barred else ""
    before = release.previous_version
    after = f"The next rollback would go to {named(before)}." if before else "No version is left to roll back to."
    click.echo(f"{away}{after}")
    if release.note:
        click.echo(f"{release.note[0].upper()}{release.note[1:]}.")


def _declared(settings: RuntimeSettings, model: str) -> dict[str, JsonValue]:
    """The declaration, which says whether a server answers for the model; empty where there is none, or a wrong one."""
    try:
        return load_declaration(settings.models_dir / f"{model}.yaml").model_dump(mode="json")
    except ConfigurationError:
        return {}
