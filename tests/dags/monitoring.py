"""What the step monitor says, for the tests of the tasks that act on it."""

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Context

from retrainer.contracts import Approval, Finding, Interval, Monitored
from tests.dags.conftest import build_context

NIGHT = Interval(start=datetime(2013, 6, 3, 4, tzinfo=UTC), end=datetime(2013, 6, 4, 4, tzinfo=UTC))
DRIFT = Finding(
    about="feature",
    subjects=("temp", "dest"),
    effect=0.61234,
    severity="severe",
    message="temp shifted by 0.61 | usually at most 0.14",
)
RETRAIN = Monitored(
    model="one",
    interval=NIGHT,
    version=3,
    verdict="severe",
    findings=(DRIFT,),
    episode=2,
    action="retrain",
    reason="drift of temp and dest, confirmed in 3 of 5 intervals",
    train_run_id="drift__2__2013-06-04",
    train_as_of=NIGHT.end,
    report_url="http://mlflow/report.html",
)
ASK = RETRAIN.model_copy(update={"action": "ask", "verdict": "unexplained", "reason": "the month's budget is used up"})
QUIET = Monitored(model="one", interval=NIGHT, verdict="quiet", reason="nothing stands out")
YES = Approval(asked=True, approved=True, by="ada", at=datetime(2013, 6, 5, tzinfo=UTC), message="seen the weather")
NO = YES.model_copy(update={"approved": False, "message": ""})
NOBODY = NO.model_copy(update={"by": "", "message": "nobody answered within 72 h"})


def context_after(found: Monitored | None, *, answer: Approval | None = None, run_type: str = "scheduled") -> Context:
    """The context of a task after monitor and, where there is an answer, after ask."""
    left = {"monitor": found, "ask": answer}
    results: dict[str, Any] = {name: each.model_dump(mode="json") for name, each in left.items() if each is not None}
    context = build_context(interval=(NIGHT.start, NIGHT.end), results=results, run_type=run_type)
    context["task_instance"] = context["ti"]
    context["ti"].get_dr_count.return_value = 0
    context["ti"].get_dag.return_value.is_paused = False
    return context
