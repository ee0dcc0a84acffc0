"""From an Airflow run to a step's request: as of when, which interval, which inputs. Nothing here reads the clock."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time

from airflow.sdk import Context
from pydantic import JsonValue

from retrainer.config.declaration import ModelConfig
from retrainer.config.schedule import Schedule
from retrainer.contracts import Interval, StepName, StepRequest
from retrainer.errors import ConfigurationError

_AT_THE_MOMENT: tuple[StepName, ...] = ("refresh_online", "collect_predictions")
"""Steps that are about the moment of their run, not about the interval before it."""


def run_interval(context: Context, schedule: Schedule) -> Interval:
    """The interval that a run is about: the last one that is over at the run's as_of.

    as_of is the first of these that there is: the parameter `as_of`; the end of the run's data interval; the newest
    `as_of` of the asset events that started the run; the moment after which the run was to start. All but the parameter
    stop at the end of the schedule: where that is over, a run started by hand is about the last interval.

    Raises:
        ConfigurationError: the parameter is no date-time, or lies outside the schedule.
    """
    given = context["params"].get("as_of")
    if given:
        return _within(schedule, schedule.interval_before(_parse(given, schedule)), given)
    as_of, over = _of_run(context), schedule.is_over_at()
    return schedule.interval_before(as_of if over is None else min(as_of, over))


def is_after_the_schedule(context: Context, schedule: Schedule) -> bool:
    """Was the run started by the clock after the schedule's end? There is nothing to train then."""
    start = context.get("data_interval_start")
    return (
        schedule.end is not None
        and start is not None
        and start >= _midnight(schedule, schedule.end)
        and context["dag_run"].run_type == "scheduled"
    )


def build_request(
    context: Context, config: ModelConfig, step: StepName, *, inputs: Mapping[str, dict[str, JsonValue]]
) -> StepRequest:
    """The whole input of `step` in this run. Equal for every try of the same run, its declaration unchanged.

    Raises:
        ConfigurationError: the run's parameter `as_of` cannot be used.
    """
    interval = run_interval(context, config.schedule)
    return StepRequest(
        step=step,
        model=config.name,
        config=config.model_dump(mode="json"),
        inputs=dict(inputs),
        params=_asked_for(context, step),
        interval=interval,
        as_of=_moment(context, config.schedule) if step in _AT_THE_MOMENT else interval.end,
        seed=config.seed,
        run_id=context["dag_run"].run_id,
    )


def _asked_for(context: Context, step: StepName) -> dict[str, JsonValue]:
    """The form of the run, as the step takes it; of one that acts on production, whether the run is a backfill; of a
    mapped task, its part."""
    form = context["params"]
    if step in ("deploy", "shadow_review", "monitor"):
        return {"backfill": True} if context["dag_run"].run_type == "backfill" else {}
    if step in ("build_part", "score_part"):
        return {"part": vars(context["task"])["part"]}
    if step == "rollback":
        target = str(form["target"])
        return {
            "target": target if target == "previous" else int(target),
            "reason": str(form["reason"]),
            "actor": context["dag_run"].triggering_user_name or context["dag_run"].run_id,
        }
    return {"version": int(form["version"])} if step == "rebuild" else {}


def _moment(context: Context, schedule: Schedule) -> datetime:
    """The run's as_of as it is, where `run_interval` takes the end of an interval."""
    given = context["params"].get("as_of")
    return _parse(given, schedule) if given else _of_run(context)


def _of_run(context: Context) -> datetime:
    if end := context.get("data_interval_end"):
        return _standard(end)
    events = context.get("triggering_asset_events") or {}
    announced = list(_announced(event.extra for found in events.values() for event in found))
    return max(announced) if announced else _standard(context["dag_run"].run_after)


def _standard(moment: datetime) -> datetime:
    """Airflow hands out pendulum's datetimes. In another zone than pendulum's own, they lose it when added to."""
    return datetime.fromisoformat(moment.isoformat())


def _announced(extras: Iterable[Mapping[str, JsonValue] | None]) -> Iterable[datetime]:
    """Every usable `as_of`. Events come from outside: one without, or with nonsense, counts as not having said."""
    for extra in extras:
        try:
            moment = datetime.fromisoformat(str((extra or {}).get("as_of")))
        except ValueError:
            continue
        if moment.tzinfo is not None:
            yield moment


def _parse(given: str, schedule: Schedule) -> datetime:
    """ISO 8601; without an offset it is local time of the schedule."""
    try:
        moment = datetime.fromisoformat(given)
    except ValueError as error:
        raise ConfigurationError(f"as_of {given!r} is not a date and time such as 2013-05-27T00:00:00-04:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=schedule.zone)


def _within(schedule: Schedule, interval: Interval, given: str) -> Interval:
    first = _midnight(schedule, schedule.start)
    last = _midnight(schedule, schedule.end) if schedule.end else None
    if interval.start < first or (last is not None and interval.start >= last):
        until = f" up to {schedule.end}" if schedule.end else ""
        raise ConfigurationError(
            f"as_of {given!r} means the interval {interval.start.isoformat()} to {interval.end.isoformat()}, which is "
            f"outside the schedule: from {schedule.start}{until} ({schedule.timezone})"
        )
    return interval


def _midnight(schedule: Schedule, day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=schedule.zone)
