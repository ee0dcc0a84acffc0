"""What monitoring found, as a question, an answer and a training run. In a task's process; not imported by a parse."""

import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import Context
from pydantic import JsonValue

from retrainer.airflow.interval_dag import LONGEST_REASON
from retrainer.airflow.markdown import cell, links, table
from retrainer.config.runtime import load_settings
from retrainer.contracts import Approval, Finding, Monitored, NewEpisodeEvent
from retrainer.errors import ConfigurationError
from retrainer.ledger import Episodes


def monitored(context: Context) -> Monitored:
    """What the task monitor of this run found.

    Raises:
        ConfigurationError: it left no result.
    """
    found = context["ti"].xcom_pull(task_ids="monitor")
    if found is None:
        raise ConfigurationError("monitor left no result", hint="Clear the run from monitor on.")
    return Monitored.model_validate(found)


def reason_not_to_act(context: Context, found: Monitored) -> str:
    """Why there is nothing to fire and nothing to ask; empty where there is."""
    if context["dag_run"].run_type == "backfill":
        return "a backfilled run fires nothing and asks nobody"
    return found.reason if found.action == "none" else ""


def question(found: Monitored, *, wait: timedelta) -> str:
    """Markdown with all that is needed to say whether the model is to be trained again."""
    hours = wait.total_seconds() / 3600
    parts = (
        cell(found.reason),
        _findings(found.findings),
        links({"Monitoring report": found.report_url}),
        f"*Retrain* fires `{found.model}__train`{_as_of(found)}. *Hold* leaves everything as it is. "
        f"Without an answer within {hours:g} h retraining stays held.",
    )
    return "\n\n".join(part for part in parts if part)


def answer(context: Context) -> Approval | None:
    """What the person said whom the task ask has asked; None where nobody was."""
    given = context["ti"].xcom_pull(task_ids="ask")
    return Approval.model_validate(given) if given is not None else None


def keep_answer(found: Monitored, given: Approval, *, project_root: Path) -> None:
    """Write the answer into the history of the episode; once, however often it is called.

    Raises:
        LedgerUnavailableError: the ledger does not answer.
    """
    if found.episode is None:
        return
    details: dict[str, JsonValue] = {
        "answer": "retrain" if given.approved else "hold",
        "by": given.by,
        "note": given.message,
    }
    if given.approved:
        details |= training(found)
    event = NewEpisodeEvent(
        model=found.model,
        topic="model",
        episode=found.episode,
        event="answered",
        interval=found.interval,
        severity="severe" if any(finding.severity == "severe" for finding in found.findings) else "warn",
        identity=_identity(found, given),
        details=details,
    )
    Episodes.open(load_settings(os.environ, project_root).ledger_url).append([event])


def _identity(found: Monitored, given: Approval) -> str:
    """The same for every try of the task; another one where a cleared run asked again."""
    at = given.at.isoformat() if given.at else ""
    return f"model {found.episode} answered {found.interval.end.isoformat()} {at}"


def training(found: Monitored) -> dict[str, JsonValue]:
    """Id and as_of of the training run that is to be fired.

    Raises:
        ConfigurationError: monitor did not say.
    """
    if not found.train_run_id or found.train_as_of is None:
        raise ConfigurationError("monitor names no training run to fire", hint="Clear the run from monitor on.")
    return {"run_id": found.train_run_id, "as_of": found.train_as_of.isoformat()}


def reason_of_run(found: Monitored, given: Approval | None) -> str:
    """Why the training run is fired, as its form takes it."""
    episode = f"drift episode {found.episode}: " if found.episode is not None else ""
    asked = f" ({given.by}: {given.message or 'retrain'})" if given is not None else ""
    text = f"{episode}{found.reason}{asked}"
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 1]}…"


def _findings(findings: tuple[Finding, ...]) -> str:
    rows = (
        (each.about, ", ".join(each.subjects), f"{each.effect:.4g}", each.severity, each.message) for each in findings
    )
    return table(("about", "", "largest", "severity", "in words"), rows) if findings else ""


def _as_of(found: Monitored) -> str:
    return f" as of {found.train_as_of:%Y-%m-%d %H:%M} UTC" if found.train_as_of else ""
