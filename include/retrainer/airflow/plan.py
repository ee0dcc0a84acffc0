"""What a DAG needs to know of a declaration, in plain values that a parse can read back without pydantic."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from retrainer.airflow.assets import source_name

if TYPE_CHECKING:
    from retrainer.config.declaration import ModelConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainPlan:
    """The shape of a model's DAGs. Days are ISO 8601, times in the unit of their name."""

    model: str
    declaration: str
    """Path of the YAML file."""
    description: str
    owner: str
    tags: list[str]
    cron: str
    timezone: str
    start: str
    end: str | None
    on_new_data: bool
    source: str
    """Name of the connection, or of the database where the source is given by URL."""
    table: str
    pool: str
    """Name of the Airflow pool of its tasks."""
    retries: int
    retry_delay_seconds: int
    start_minutes: int
    """How long a step may wait for its place to run."""
    timeout_minutes: int
    """Of a step, the wait for its place to run included."""
    data_timeout_hours: float
    poll_seconds: float
    mapped: bool
    """Whether mapped tasks build features and score."""
    training_days: int
    holdout_days: int
    approval: bool
    """Whether a person is asked before each promotion."""
    approvers: list[str]
    """Ids of the Airflow users who may answer; empty: everybody who may."""
    approval_timeout_hours: float
    serves: bool
    """Whether the model server answers for the model."""
    uses_shadow: bool
    """Whether a version is promoted from the shadow, by a review."""
    release_seconds: float
    """How long deploy watches a version after its step's own work."""
    watches_served: bool
    """Whether monitoring looks at what the model server answered, instead of the batch predictions."""
    answer_within_hours: float
    """How long monitoring waits for a person who is to say whether the model is trained again."""
    online_cron: str | None
    """When what the server looks up is refreshed; None where it looks nothing up."""

    def to_json(self) -> dict[str, object]:
        """The arguments that make an equal plan."""
        return asdict(self)


def plan_of(config: "ModelConfig", declaration: str) -> TrainPlan:
    """The plan of the model that the file `declaration` declares as `config`."""
    schedule, runtime, source = config.schedule, config.runtime, config.source
    return TrainPlan(
        model=config.name,
        declaration=declaration,
        description=config.description,
        owner=config.owner,
        tags=list(config.tags),
        cron=schedule.cron,
        timezone=schedule.timezone,
        start=schedule.start.isoformat(),
        end=schedule.end.isoformat() if schedule.end else None,
        on_new_data=schedule.on_new_data,
        source=source_name(source),
        table=source.tables[source.rows].name or source.rows,
        pool=runtime.pool,
        retries=runtime.retries,
        retry_delay_seconds=runtime.retry_delay_seconds,
        start_minutes=runtime.start_minutes,
        timeout_minutes=runtime.limits.timeout_minutes + runtime.start_minutes,
        data_timeout_hours=runtime.data_timeout_hours,
        poll_seconds=runtime.poll_seconds,
        mapped=runtime.mapping.tasks > 1,
        training_days=config.windows.training_days,
        holdout_days=config.windows.holdout_days,
        approval=config.deployment.approval == "required",
        approvers=list(config.deployment.approvers),
        approval_timeout_hours=config.deployment.approval_timeout_hours,
        serves=config.serving is not None,
        uses_shadow=config.serving is not None and config.serving.release == "shadow",
        release_seconds=config.serving.release_seconds if config.serving is not None else 0,
        watches_served=config.serving is not None and config.monitoring.predictions == "served",
        answer_within_hours=config.monitoring.retraining.answer_within_hours,
        online_cron=_online_cron(config),
    )


def _online_cron(config: "ModelConfig") -> str | None:
    looks_up = config.features.lookups or config.features.windows
    return config.serving.online_cron if config.serving is not None and looks_up else None
