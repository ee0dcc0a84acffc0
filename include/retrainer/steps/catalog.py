"""From the name of a step to its code, which is imported only when the step runs."""

import importlib
from collections.abc import Callable, Mapping
from types import MappingProxyType

from retrainer.config.near_miss import listed, nearest
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import STEP_NAMES, Contract, StepRequest
from retrainer.errors import ConfigurationError

StepFunction = Callable[[StepRequest, RuntimeSettings], Contract]

STEPS: Mapping[str, str] = MappingProxyType({name: f"retrainer.steps.{name}:run" for name in STEP_NAMES})
"""`module:function` of every step."""


def load_step(name: str, catalog: Mapping[str, str] = STEPS) -> StepFunction:
    """The function of the step `name`.

    Raises:
        ConfigurationError: there is no such step; names the nearest one.
    """
    if name not in catalog:
        near = nearest(name, list(catalog))
        meant = f"; did you mean {near!r}?" if near else ""
        raise ConfigurationError(f"unknown step {name!r}{meant} (allowed: {listed(list(catalog), near=near)})")
    module, _, function = catalog[name].partition(":")
    step: StepFunction = getattr(importlib.import_module(module), function)
    return step
