"""What goes into a step: one JSON request, from which any run can be replayed."""

from typing import Literal, get_args

from pydantic import Field, JsonValue

from retrainer.contracts.base import Contract, UtcDatetime, digest_json
from retrainer.contracts.interval import Interval

PipelineStep = Literal[
    "wait_for_data", "snapshot", "validate_data", "build_features", "train", "compare", "register", "deploy"
]
"""The steps of a run, in their order."""

StepName = Literal[
    PipelineStep,
    "plan_features",
    "build_part",
    "plan_score",
    "score_part",
    "score",
    "monitor",
    "rollback",
    "archive",
    "rebuild",
    "refresh_online",
    "collect_predictions",
    "shadow_review",
]
"""Those, batch scoring, what mapped tasks do for it and for features, monitoring, and what a person or the maintenance
asks for."""

PIPELINE: tuple[PipelineStep, ...] = get_args(PipelineStep)
STEP_NAMES: tuple[StepName, ...] = get_args(StepName)


class StepRequest(Contract):
    """The whole input of a step, secrets and addresses apart (those are settings, read from the environment).

    `config` is the model's declaration with every default filled in. `inputs` holds the results of the steps before,
    by their name. `as_of` is the moment up to which the step may look. `params` is what a person asked for, such as the
    form of a rollback, or the part of the work that a mapped task does.
    """

    step: StepName
    model: str
    config: dict[str, JsonValue]
    inputs: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    params: dict[str, JsonValue] = Field(default_factory=dict)
    interval: Interval
    as_of: UtcDatetime
    seed: int = Field(ge=0, lt=2**32)
    run_id: str

    def identity(self) -> str:
        """Digest of what determines the result: everything but the run's name. Equal requests, equal result."""
        return digest_json(self.model_dump(mode="json", exclude={"run_id"}))
