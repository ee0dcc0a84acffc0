"""What a server has once, for all of its models."""

import itertools
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from retrainer.columns import Columns
from retrainer.config.declaration import ModelConfig
from retrainer.contracts import ServingSpec
from retrainer.online import definitions
from retrainer.predictions import PredictionLog
from retrainer.serving.metrics import Metrics
from retrainer.serving.record_columns import Mask
from retrainer.serving.shadows import Shadows
from retrainer.serving.together import Together

_MOST_DEFINITIONS = 256
_THREADS = 4


class KnownNow(Protocol):
    """What is known now of look-ups and windows: see `retrainer.online.Online`."""

    def fill(
        self,
        model: str,
        columns: Columns,
        missing: Mapping[str, Mask],
        *,
        keys: Columns,
        definitions: Mapping[str, str] | None,
    ) -> Columns:
        """`columns` with what is known for the records that `missing` marks."""


class RequestIds:
    """An id for each request: random for this process, then counted. No two requests have the same."""

    def __init__(self) -> None:
        self._prefix = os.urandom(8).hex()
        self._count = itertools.count()

    def take(self) -> str:
        """The next one, 24 hexadecimal digits."""
        return f"{self._prefix}{next(self._count):08x}"


class Definitions:
    """How each version defines its look-ups and windows; worked out once for a version."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int, str], Mapping[str, str]] = {}

    def of(self, spec: ServingSpec) -> Mapping[str, str]:
        """The digest of each definition, by name."""
        version = (spec.model, spec.version, spec.digest)
        found = self._known.get(version)
        if found is None:
            if len(self._known) >= _MOST_DEFINITIONS:
                self._known.clear()
            found = self._known[version] = definitions(ModelConfig.model_validate(spec.declaration))
        return found


@dataclass(frozen=True, slots=True)
class Tools:
    """What answers are made with and where they go."""

    log: PredictionLog
    shadows: Shadows
    online: KnownNow
    metrics: Metrics
    ids: RequestIds = field(default_factory=RequestIds)
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_THREADS, "predict"))
    """For predictions of many records and nothing else: a version that hangs holds up only those who ask it."""
    together: Together = field(default_factory=Together)
    """For predictions of few records."""
    definitions: Definitions = field(default_factory=Definitions)
