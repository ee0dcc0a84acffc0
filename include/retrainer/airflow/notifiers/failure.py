"""The alert when a task has failed for good: to Slack where a connection is there, never in the way of the run."""

from collections.abc import Sequence
from pathlib import Path

from airflow.sdk import BaseNotifier, Context

from retrainer.airflow.slack import plain, send_to_slack
from retrainer.errors import ConfigurationError

_LONGEST_ERROR = 500


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
        send_to_slack(self.connection_id, [_text(context, _interval(context, self.declaration))])


def _text(context: Context, interval: str) -> str:
    """The message, in Slack's mrkdwn. What comes from outside is escaped, so that it cannot mention people."""
    ti, run = context["ti"], context["dag_run"]
    error = context.get("exception")
    lines = str(error).strip().splitlines() if error else []
    first = lines[0] if lines else (type(error).__name__ if error else "no error message: the task was killed")
    return "\n".join(
        (
            f":red_circle: *{plain(ti.dag_id)}* failed in *{plain(ti.task_id)}*",
            f"Interval: {interval}",
            f"Run: {plain(run.run_id)}, try {ti.try_number}",
            f"Error: {plain(first[:_LONGEST_ERROR])}",
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
