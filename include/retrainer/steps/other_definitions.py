"""Look-ups and windows of versions that were trained from another declaration than the present one.

The model server answers a version from online tables of the version's own definition: where nobody published these, all
that it looks up would be missing.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings
from retrainer.deployment import standing
from retrainer.errors import RetrainerError, TrackingUnavailableError
from retrainer.ledger import Ledger
from retrainer.online import definitions
from retrainer.online.definition import LOOKUP, WINDOW
from retrainer.registry import ARCHIVED, Versions
from retrainer.steps.saved_declaration import saved_declaration
from retrainer.steps.tracking import connect_tracking

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OtherDefinition:
    """What version `version` defines otherwise: `config` is its own declaration with no other look-ups and windows."""

    version: int
    config: ModelConfig


def other_definitions(config: ModelConfig, settings: RuntimeSettings) -> list[OtherDefinition]:
    """What the versions that answer, or may answer next, define otherwise than `config`; each definition once.

    What cannot be read is left out, and the log says of which version.
    """
    seen, found = set(definitions(config).items()), []
    for number, saved in _saved(config.name, settings):
        wanted = {name: digest for name, digest in definitions(saved).items() if (name, digest) not in seen}
        if wanted:
            seen |= wanted.items()
            found.append(OtherDefinition(number, _only(saved.model_copy(update={"name": config.name}), set(wanted))))
    return found


def _saved(model: str, settings: RuntimeSettings) -> Iterator[tuple[int, ModelConfig]]:
    """The versions that answer or may answer next, and the declaration of each."""
    numbers = _numbers(model, settings)
    if not numbers:
        return
    tracking = connect_tracking(settings)
    versions = Versions(tracking, model)
    for place, number in enumerate(numbers):
        try:
            version = versions.get(number)
            if version is not None and ARCHIVED not in version.tags:
                yield number, saved_declaration(tracking, version)[1]
        except TrackingUnavailableError as error:
            names = ", ".join(f"v{each}" for each in numbers[place:])
            _LOG.warning("%s: what %s may define otherwise is not refreshed: %s", model, names, _line(error))
            return
        except RetrainerError as error:
            _LOG.warning("%s: what v%d may define otherwise is not refreshed: %s", model, number, _line(error))


def _numbers(model: str, settings: RuntimeSettings) -> list[int]:
    """The champion, what is on trial, and what a rollback goes to; not those whose files are deleted."""
    try:
        now = standing(Ledger.open(settings.ledger_url).entries(model))
    except RetrainerError as error:
        _LOG.warning("%s: what its versions may define otherwise is not refreshed: %s", model, _line(error))
        return []
    wanted = dict.fromkeys((now.champion, *sorted(now.on_trial), now.previous))
    return [number for number in wanted if number is not None and number not in now.archived]


def _only(config: ModelConfig, wanted: set[str]) -> ModelConfig:
    """`config` with those look-ups and windows whose definition is in `wanted`."""
    features = config.features
    kept = {
        "lookups": {name: each for name, each in features.lookups.items() if f"{LOOKUP}-{name}" in wanted},
        "windows": {name: each for name, each in features.windows.items() if f"{WINDOW}-{name}" in wanted},
    }
    return config.model_copy(update={"features": features.model_copy(update=kept)})


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]
