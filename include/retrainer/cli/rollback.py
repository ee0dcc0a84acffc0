"""`retrainer rollback`: put an earlier version in production, in one command."""

import logging
import sys
import uuid
from datetime import UTC, datetime, timedelta
from typing import Literal

import click
from pydantic import JsonValue

from retrainer.cli.records import check_model, current_user, named, parse_version, read_settings
from retrainer.config.load import load_declaration
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import Interval, Release, StepRequest
from retrainer.deployment import standing
from retrainer.errors import ConfigurationError, RetrainerError
from retrainer.ledger import Ledger
from retrainer.runtimes.limits import Limits
from retrainer.runtimes.process import ProcessRuntime

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
    release = _run(_request(model, params, _declared(settings, model)), settings, verbose=verbose)
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


def _request(model: str, params: dict[str, JsonValue], declared: dict[str, JsonValue]) -> StepRequest:
    """Interval and as_of only say when it was asked for: a rollback looks at no data."""
    now = datetime.now(UTC)
    return StepRequest(
        step="rollback",
        model=model,
        config=declared,
        params=params,
        interval=Interval(start=now - timedelta(days=1), end=now),
        as_of=now,
        seed=0,
        run_id=f"cli__{uuid.uuid4()}",
    )


def _run(request: StepRequest, settings: RuntimeSettings, *, verbose: bool) -> Release:
    """Run the step as Airflow's tasks do: forked from the step host where there is one, else as a plain process."""
    logging.basicConfig(level=logging.INFO if verbose else logging.ERROR, format="%(message)s", stream=sys.stderr)
    runtime = ProcessRuntime(
        environment=settings.child_environment(), socket_path=settings.step_host_socket, limits=_LIMITS
    )
    outcome = runtime.run(request, logging.getLogger(__name__).info)
    try:
        return Release.model_validate(outcome.require_result(request.step))
    except RetrainerError as error:
        error.hint = error.hint or outcome.error_message.partition("\n\nHint: ")[2] or None
        raise
