"""The alert when a task has failed for good: to Slack where a connection is there, never in the way of the run."""

import logging
import threading
import time
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from airflow.sdk import BaseNotifier, Context
from airflow.sdk.exceptions import AirflowNotFoundException

from retrainer.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

_PATIENCE_SECONDS = 1.5
_CLIENT_SECONDS = 1
_LONGEST_ERROR = 500

logger = logging.getLogger(__name__)


class FailureAlert(BaseNotifier):
    """Sends DAG, task, interval, the first line of the error and the log's address to a Slack webhook.

    Waits for Slack for at most 1.5 s and never raises. Without the connection it writes one line to the task's log.

    Args:
        connection_id: Airflow connection of type Slack Incoming Webhook.
        declaration: of the model, whose schedule says what interval a run is about; None where the runs have none.
    """

    template_fields: Sequence[str] = ()

    def __init__(self, connection_id: str, *, declaration: Path | None = None) -> None:
        super().__init__()
        self.connection_id = connection_id
        self.declaration = declaration

    def notify(self, context: Context) -> None:
        """Send the alert."""
        give_up = time.monotonic() + _PATIENCE_SECONDS
        # Imported here: the Slack SDK would cost every parse of every DAG file 0.1 s.
        from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

        notifier = SlackWebhookNotifier(
            slack_webhook_conn_id=self.connection_id,
            text=_text(context, _interval(context, self.declaration)),
            timeout=_CLIENT_SECONDS,
            retry_handlers=[],
        )
        try:
            # Here and not in the thread: a task process must not ask its supervisor from two threads.
            notifier.hook.get_conn()
        except AirflowNotFoundException:
            logger.info("no alert was sent: there is no Airflow connection %r for Slack", self.connection_id)
            return
        except Exception as error:  # noqa: BLE001 an alert never fails a task
            logger.warning("no alert was sent: connection %r: %s", self.connection_id, type(error).__name__)
            return
        _send(notifier, context, give_up)


def _send(notifier: "SlackWebhookNotifier", context: Context, give_up: float) -> None:
    failures: list[str] = []

    def send() -> None:
        try:
            notifier.notify(context)  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001 whatever the network does
            failures.append(type(error).__name__)  # not the message: it may hold the webhook's address, a secret

    thread = threading.Thread(target=send, name="slack-alert", daemon=True)
    thread.start()
    thread.join(max(0.1, give_up - time.monotonic()))
    if thread.is_alive():
        logger.warning("Slack did not take the alert within %s s; not waiting for it", _PATIENCE_SECONDS)
    elif failures:
        logger.warning("Slack did not take the alert: %s", failures[0])


def _text(context: Context, interval: str) -> str:
    """The message, in Slack's mrkdwn. What comes from outside is escaped, so that it cannot mention people."""
    ti, run = context["ti"], context["dag_run"]
    error = context.get("exception")
    lines = str(error).strip().splitlines() if error else []
    first = lines[0] if lines else (type(error).__name__ if error else "no error message: the task was killed")
    return "\n".join(
        (
            f":red_circle: *{_plain(ti.dag_id)}* failed in *{_plain(ti.task_id)}*",
            f"Interval: {interval}",
            f"Run: {_plain(run.run_id)}, try {ti.try_number}",
            f"Error: {_plain(first[:_LONGEST_ERROR])}",
            f"<{ti.log_url}|Log>",
        )
    )


def _interval(context: Context, declaration: Path | None) -> str:
    if declaration is None:
        return "none"
    from retrainer.airflow.request import run_interval
    from retrainer.config.load import load_declaration

    try:
        interval = run_interval(context, load_declaration(declaration).schedule)
    except ConfigurationError:
        return "unknown: the declaration or the parameter as_of cannot be used"
    return f"{interval.start.isoformat()} to {interval.end.isoformat()}"


def _plain(text: str) -> str:
    return escape(text, quote=False)
