"""Which version a rollback goes to: what was asked for, what is there, and what would do instead of what will not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from retrainer.contracts import StepRequest
from retrainer.deployment import Standing
from retrainer.errors import ConfigurationError
from retrainer.registry import ARCHIVED, Version

_MAX_REASON = 2000
_MAX_ACTOR = 200
_MOST_NAMED = 10


@dataclass(frozen=True, slots=True)
class Form:
    """What a person asked for."""

    target: int | Literal["previous"]
    reason: str
    actor: str


def read_form(request: StepRequest) -> Form:
    """The parameters of the request.

    Raises:
        ConfigurationError: one is missing, or is nothing that it can be.
    """
    target = request.params.get("target", "previous")
    is_number = isinstance(target, int) and not isinstance(target, bool) and target >= 1
    if not is_number and target != "previous":
        raise ConfigurationError(f"target of a rollback must be previous or the number of a version, got {target!r}")
    return Form(
        target=target if isinstance(target, int) else "previous",
        reason=_text(request.params.get("reason"), "reason", most=_MAX_REASON),
        actor=_text(request.params.get("actor"), "actor", most=_MAX_ACTOR),
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """The versions of a model that a person can choose from: where it stands, and what is registered."""

    model: str
    now: Standing
    registered: Sequence[Version]

    def find(self, target: int | Literal["previous"]) -> Version:
        """The version that `target` means.

        Raises:
            ConfigurationError: it means none, or none that can be put in production; says which would do.
        """
        number = self.now.previous if target == "previous" else target
        if number is None:
            raise self.refusal("there is no previous version", but=None)
        version = next((each for each in self.registered if each.version == number), None)
        if version is None:
            raise self.refusal(f"there is no v{number} in the MLflow registry", but=number)
        self.check(version)
        return version

    def check(self, version: Version) -> None:
        """Can it be put in production?

        Raises:
            ConfigurationError: it is there already, or its files are gone; says which versions would do.
        """
        if version.version == self.now.champion:
            raise self.refusal(f"v{version.version} is in production already", but=version.version)
        if version.version in self.now.archived or ARCHIVED in version.tags:
            raise self.refusal(f"v{version.version} is archived: its files are deleted", but=version.version)

    def refusal(self, problem: str, *, but: int | None) -> ConfigurationError:
        """The error that says so; version `but` is not among those that would do."""
        return ConfigurationError(f"{self.model} was not rolled back: {problem}. {self.would_do(but=but)}")

    def would_do(self, *, but: int | None) -> str:
        """In words, the versions that have their files; the previous one first, then the newest."""
        numbers = [
            each.version
            for each in reversed(self.registered)
            if each.digest
            and each.version not in (but, self.now.champion)
            and each.version not in self.now.archived
            and ARCHIVED not in each.tags
        ]
        numbers.sort(key=lambda number: number != self.now.previous)
        named = [f"v{number}" + (" (previous)" if number == self.now.previous else "") for number in numbers]
        more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
        return f"Would do: {', '.join(named[:_MOST_NAMED])}{more}" if named else "No other version would do"


def _text(value: JsonValue, name: str, *, most: int) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        raise ConfigurationError(f"a rollback needs {name}: a text of 1 to {most} characters, got {value!r}")
    if len(text) > most:
        raise ConfigurationError(f"{name} of a rollback must have at most {most} characters, got {len(text)}")
    return text
