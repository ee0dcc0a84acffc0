"""Messages to Slack from a task's process: with little patience, and never in the way of a run."""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowNotFoundException

if TYPE_CHECKING:
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

_PATIENCE_SECONDS = 1.5
_CLIENT_SECONDS = 1

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of messages."""

    taken: frozenset[int] = frozenset()
    """Places, in the sequence that was given, of the messages that Slack has taken for certain."""
    connected: bool = True
    """Whether Airflow has the connection at all."""


def send_to_slack(connection_id: str, texts: Sequence[str]) -> Delivery:
    """Send each text (mrkdwn) to the Slack Incoming Webhook of that Airflow connection.

    Waits for Slack for at most 1.5 s in all and never raises; what went wrong is one line of the log. A message that
    Slack refuses does not keep the others back. One that Slack takes after that time counts as not taken.
    """
    give_up = time.monotonic() + _PATIENCE_SECONDS
    # Imported here: the Slack SDK would cost every parse of every DAG file 0.1 s.
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

    hook = SlackWebhookHook(slack_webhook_conn_id=connection_id, timeout=_CLIENT_SECONDS, retry_handlers=[])
    try:
        # Here and not in the thread: a task process must not ask its supervisor from two threads.
        hook.get_conn()
    except AirflowNotFoundException:
        logger.info("no alert was sent: there is no Airflow connection %r for Slack", connection_id)
        return Delivery(connected=False)
    except Exception as error:  # noqa: BLE001 an alert never fails a task
        logger.warning("no alert was sent: connection %r: %s", connection_id, type(error).__name__)
        return Delivery()
    return _send(hook, texts, give_up)


def plain(text: str) -> str:
    """Text from outside as a part of a message: it can neither mention people nor be a link."""
    return escape(text, quote=False)


def _send(hook: "SlackWebhookHook", texts: Sequence[str], give_up: float) -> Delivery:
    taken: list[int] = []
    failures: list[str] = []
    gave_up = threading.Event()

    def send() -> None:
        for place, text in enumerate(texts):
            if gave_up.is_set():
                return
            try:
                hook.send(text=text)
            except Exception as error:  # noqa: BLE001 whatever the network does
                failures.append(type(error).__name__)  # not the message: it may hold the webhook's address, a secret
            else:
                taken.append(place)

    thread = threading.Thread(target=send, name="slack-alert", daemon=True)
    thread.start()
    thread.join(max(0.1, give_up - time.monotonic()))
    gave_up.set()
    if thread.is_alive():
        logger.warning("Slack did not take the alert within %s s; not waiting for it", _PATIENCE_SECONDS)
    elif failures:
        logger.warning("Slack did not take the alert: %s", failures[0])
    return Delivery(frozenset(taken))
