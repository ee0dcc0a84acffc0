"""What came of one run of the model's training DAG."""

from collections.abc import Mapping
from typing import Literal

from pydantic import JsonValue

from retrainer.contracts import Contract, Decision, FeatureSet, Registration, Release, UtcDatetime

Outcome = Literal["promote", "reject", "stopped"]


class RunSummary(Contract):
    """One run of the model's training DAG. What a stopped run never had is null.

    `rows` are those of the pinned feature table. `champion_version` is the champion that the challenger was compared
    with; `difference` and `interval` are challenger minus champion (or baseline rule) in the metric's unit.
    """

    as_of: UtcDatetime
    run_id: str
    state: str
    rows: int | None = None
    challenger_version: int | None = None
    champion_version: int | None = None
    metric: str | None = None
    difference: float | None = None
    interval: tuple[float, float] | None = None
    decision: Outcome
    reason: str
    served_version: int | None = None
    """What the model server answered with after the run."""


def summarize_run(
    as_of: UtcDatetime, run_id: str, state: str, *, results: Mapping[str, JsonValue], error: str
) -> RunSummary:
    """One run, from what its tasks handed on (by task id; None where nothing) and the error that ended it."""
    compared, released = results.get("compare"), results.get("deploy")
    if compared is None or released is None:
        return RunSummary(as_of=as_of, run_id=run_id, state=state, decision="stopped", reason=error or "no error known")
    decision, release = Decision.model_validate(compared), Release.model_validate(released)
    features = FeatureSet.model_validate(results["build_features"])
    registration = Registration.model_validate(results["register"])
    bounds = (decision.low, decision.high) if decision.low is not None and decision.high is not None else None
    return RunSummary(
        as_of=as_of,
        run_id=run_id,
        state=state,
        rows=features.table.rows,
        challenger_version=registration.version,
        champion_version=decision.champion_version,
        metric=decision.metric,
        difference=decision.difference,
        interval=bounds,
        decision="promote" if release.action == "promote" else "reject",
        reason=release.reason,
    )
