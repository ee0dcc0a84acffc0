"""The operator that sends what monitoring has to tell."""

from pathlib import Path
from typing import Unpack

from airflow.sdk import BaseOperator, Context

from retrainer.airflow.task_options import TaskOptions
from retrainer.errors import RetrainerError


class AlertOperator(BaseOperator):
    """Sends the alerts that nobody has sent yet, those of earlier runs too. Returns how many Slack has taken.

    Waits for Slack for at most 1.5 s; a Slack that is down or away fails nothing. What it did not take is kept, and
    sent by the next run of any model's monitoring within a week.

    Args:
        slack_connection_id: Airflow connection of type Slack Incoming Webhook.
        project_root: folder whose settings hold.
    """

    ui_color = "#fbe9e7"

    def __init__(self, *, slack_connection_id: str, project_root: Path, **options: Unpack[TaskOptions]) -> None:
        options.setdefault("task_id", "alert")
        super().__init__(**options)
        self.slack_connection_id = slack_connection_id
        self.project_root = project_root

    def execute(self, context: Context) -> int:
        """Send them.

        Raises:
            AirflowException: the ledger, where they are kept, does not answer.
        """
        # Imported here: each parse of the DAG file would pay for what only a running task needs.
        from retrainer.airflow.alerting import send_alerts
        from retrainer.airflow.failures import as_task_failure

        try:
            return send_alerts(self.slack_connection_id, project_root=self.project_root)
        except RetrainerError as error:
            raise as_task_failure(error, context) from error
