"""What monitoring found, as a question, an answer and a training run. In a task's process; not imported by a parse."""

import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import Context

from retrainer.airflow.interval_dag import LONGEST_REASON
from retrainer.airflow.markdown import cell, links, table
from retrainer.config.runtime import load_settings
from retrainer.contracts import Approval, Finding, Monitored, NewEpisodeEvent
from retrainer.errors import ConfigurationError
from retrainer.ledger import Episodes, History
from retrainer.monitoring.answer import answer_events
from retrainer.monitoring.episode import text_of

_CLEAR = "Clear the run from monitor on."


def monitored(context: Context) -> Monitored:
    """What the task monitor of this run found.

    Raises:
        ConfigurationError: it left no result, or names no training run where one is to be fired or asked for.
    """
    given = context["ti"].xcom_pull(task_ids="monitor")
    if given is None:
        raise ConfigurationError("monitor left no result", hint=_CLEAR)
    found = Monitored.model_validate(given)
    if found.action != "none" and not (found.train_run_id and found.train_as_of):
        raise ConfigurationError("monitor names no training run to fire", hint=_CLEAR)
    return found


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


def take_answer(found: Monitored, given: Approval, *, project_root: Path) -> bool:
    """Write the answer into the history of the episode, once; whether the run that was asked for is to be fired.

    An answer that comes too late fires nothing: the episode has ended, or another run is under way.

    Raises:
        ConfigurationError: the history has no such question.
        LedgerUnavailableError: the ledger does not answer.
    """
    url = load_settings(os.environ, project_root).ledger_url
    episodes = Episodes.open(url)
    events = episodes.events(found.model)
    asked = next((each for each in events if each.event == "asked" and _run_id(each) == found.train_run_id), None)
    if asked is None:
        raise ConfigurationError(
            f"nobody was asked about {found.train_run_id!r}", hint="Clear the run from monitor on."
        )
    follows = answer_events(
        asked,
        "retrain" if given.approved else "hold",
        events,
        by=given.by,
        note=given.message,
        newest=History.open(url).newest(found.model) or found.interval,
    )
    episodes.append(follows)
    return any(each.event == "fired" and _run_id(each) == found.train_run_id for each in follows)


def reason_of_run(found: Monitored, given: Approval | None) -> str:
    """Why the training run is fired, as its form takes it."""
    asked = f" ({given.by}: {given.message or 'retrain'})" if given is not None else ""
    text = f"drift episode {found.episode}: {found.reason}{asked}"
    return text if len(text) <= LONGEST_REASON else f"{text[: LONGEST_REASON - 1]}…"


def _run_id(event: NewEpisodeEvent) -> str:
    return text_of(event, "run_id")


def _findings(findings: tuple[Finding, ...]) -> str:
    rows = (
        (each.about, ", ".join(each.subjects), f"{each.effect:.4g}", each.severity, each.message) for each in findings
    )
    return table(("about", "", "largest", "severity", "in words"), rows) if findings else ""


def _as_of(found: Monitored) -> str:
    return f" as of {found.train_as_of:%Y-%m-%d %H:%M} UTC" if found.train_as_of else ""
