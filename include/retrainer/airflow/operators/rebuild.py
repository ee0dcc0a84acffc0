"""The operator of rebuild: a version that does not come out the same again is a failure of the task."""

from typing import TYPE_CHECKING

from airflow.sdk import BaseXCom, Context

from retrainer.airflow.operators.step import StepOperator

if TYPE_CHECKING:
    from pydantic import JsonValue


class RebuildOperator(StepOperator):
    """Runs the step rebuild. Returns its result, a Rebuild as JSON, where everything matches."""

    def execute(self, context: Context) -> "dict[str, JsonValue]":
        """Rebuild the version that the form names.

        Raises:
            AirflowFailException: it differs, and would again. The message names what differs first; all checks stay as
                the task's XCom.
            AirflowException: it could not be rebuilt.
        """
        result = super().execute(context)
        if result["matches"]:
            return result
        from retrainer.airflow.failures import as_task_failure
        from retrainer.contracts import Rebuild
        from retrainer.errors import BadDataError

        context["ti"].xcom_push(key=BaseXCom.XCOM_RETURN_KEY, value=result)
        rebuilt = Rebuild.model_validate(result)
        found = [check.message for check in rebuilt.checks if check.name == rebuilt.first_difference]
        message = f"{rebuilt.model} v{rebuilt.version} was not rebuilt: {rebuilt.first_difference} differs"
        raise as_task_failure(BadDataError(": ".join((message, *found))), context)
