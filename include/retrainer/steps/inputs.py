"""Reading a request: the declaration in it, and the results of the steps before."""

from typing import TypeVar

from pydantic import ValidationError

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Contract, StepRequest
from retrainer.errors import ConfigurationError

ContractType = TypeVar("ContractType", bound=Contract)


def declaration(request: StepRequest) -> ModelConfig:
    """The model's declaration.

    Raises:
        ConfigurationError: the request holds none that this version understands.
    """
    try:
        return ModelConfig.model_validate(request.config)
    except ValidationError as error:
        raise ConfigurationError(f"config of the request is not a declaration: {error}") from error


def result_of(request: StepRequest, step: str, kind: type[ContractType]) -> ContractType:
    """The result of an earlier task.

    Raises:
        ConfigurationError: the request does not hold it, or it is not such a result.
    """
    if step not in request.inputs:
        given = ", ".join(request.inputs) or "none"
        raise ConfigurationError(f"step {request.step} needs the result of {step} in its inputs (given: {given})")
    try:
        return kind.model_validate(request.inputs[step])
    except ValidationError as error:
        raise ConfigurationError(f"inputs.{step} of the request is not a {kind.__name__}: {error}") from error


def part_of(request: StepRequest, kind: type[ContractType]) -> ContractType:
    """The part of the work that a mapped task does.

    Raises:
        ConfigurationError: the request does not say, or not in this way.
    """
    try:
        return kind.model_validate(request.params.get("part"))
    except ValidationError as error:
        raise ConfigurationError(f"params.part of the request is not a {kind.__name__}: {error}") from error
