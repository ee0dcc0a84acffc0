"""From an error of the software to the exception by which Airflow retries, or does not."""

import logging

from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from retrainer.errors import EXIT_PERMANENT, RetrainerError

ERROR_KEY = "error"
"""XCom of a failed task: the first line of its error, for whoever watches runs through the REST API."""

HINT_KEY = "hint"
"""XCom of a failed task: what to do about it, where the error says so."""

logger = logging.getLogger(__name__)


def as_task_failure(error: RetrainerError, context: Context) -> AirflowException:
    """The exception to raise from `error`: AirflowFailException (no retry) where a retry cannot help.

    Leaves the first line of the message as the task's XCom `error`, and the hint as `hint`.
    """
    try:
        context["ti"].xcom_push(key=ERROR_KEY, value=str(error).splitlines()[0])
        if error.hint:
            context["ti"].xcom_push(key=HINT_KEY, value=error.hint)
    except Exception as failure:  # noqa: BLE001 what went wrong with the step matters more
        logger.warning("the error could not be kept as an XCom: %s", failure)
    kind = AirflowFailException if error.exit_status == EXIT_PERMANENT else AirflowException
    return kind(str(error))
