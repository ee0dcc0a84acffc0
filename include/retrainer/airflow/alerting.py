"""From the outbox to Slack, in a task's process. Not imported by a parse of the DAG files."""

import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from retrainer.airflow.links import run_address
from retrainer.airflow.monitor_dag import monitor_dag_id
from retrainer.airflow.slack import plain, send_to_slack
from retrainer.config.runtime import load_settings
from retrainer.contracts import Alert
from retrainer.ledger import Outbox

_AT_ONCE = 50
"""Alerts that one run sends."""

_STALE = timedelta(days=7)
"""After this an alert is no news: it is given up, so that what nobody takes does not pile up."""

logger = logging.getLogger(__name__)


def send_alerts(slack_connection_id: str, *, project_root: Path) -> int:
    """Send the oldest 50 alerts that nobody has sent; how many Slack has taken.

    The others stay in the outbox for a week. An alert that Slack took too late for us to see is sent again.

    Raises:
        ConfigurationError: a setting is wrong.
        LedgerUnavailableError: the ledger does not answer.
    """
    outbox = Outbox.open(load_settings(os.environ, project_root).ledger_url)
    fresh = _without_stale(outbox, outbox.unsent(_AT_ONCE))
    if not fresh:
        return 0
    delivery = send_to_slack(slack_connection_id, [_text(alert) for alert in fresh])
    for place in delivery.taken:
        outbox.mark_sent(fresh[place].number)
    if kept := len(fresh) - len(delivery.taken):
        logger.info("%s of %s alerts are kept for the next run, up to %s days", kept, len(fresh), _STALE.days)
    return len(delivery.taken)


def _without_stale(outbox: Outbox, alerts: tuple[Alert, ...]) -> list[Alert]:
    oldest = datetime.now(UTC) - _STALE
    stale = [alert for alert in alerts if alert.created_at < oldest]
    for alert in stale:
        outbox.mark_sent(alert.number)
    if stale:
        logger.warning("%s alerts that Slack has not taken in %s days are given up", len(stale), _STALE.days)
    return [alert for alert in alerts if alert.created_at >= oldest]


def _text(alert: Alert) -> str:
    """The message, with the page of the run that raised it."""
    address = run_address(monitor_dag_id(alert.model), alert.run_id)
    return f"{alert.text}\n<{plain(address)}|Monitoring run>"
