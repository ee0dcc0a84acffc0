"""A client that asks the model server all through the demo, at a steady pace, and counts what it got."""

import math
import threading
import time
from collections import Counter
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import httpx
from pydantic import Field, JsonValue

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Contract
from retrainer.errors import StackError

_PAUSE_SECONDS = 0.05
_TIMEOUT_SECONDS = 10.0
_MOST_REMEMBERED = 3


class Traffic(Contract):
    """What the client saw from the first answer on: each request has an answer or is a failure."""

    requests: int = Field(ge=0)
    failures: int = Field(ge=0)
    p95_ms: float | None = None
    answers: dict[str, int] = Field(default_factory=dict)
    """Answers by who gave them: `v4`, or `rule`."""
    errors: tuple[str, ...] = ()
    """The first failures, in words."""


class SteadyClient:
    """Asks for one record again and again, in a thread, as long as it is open.

    Until the first model is released there is nobody to answer, and nothing is counted.
    """

    def __init__(self, url: str, model: str, record: Mapping[str, JsonValue]) -> None:
        self._http = httpx.Client(base_url=url, timeout=_TIMEOUT_SECONDS, trust_env=False)
        self._model = model
        self._body = {"records": [dict(record)]}
        self._milliseconds: list[float] = []
        self._answers: Counter[str] = Counter()
        self._errors: list[str] = []
        self._failures = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._ask_on, name="steady-client", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._http.close()

    def served(self) -> int | None:
        """The version that the server answers with now; None where it answers with none.

        Raises:
            StackError: it does not say.
        """
        try:
            answer = self._http.get(f"/v1/models/{self._model}")
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            champion = answer.raise_for_status().json()["champion"]
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise StackError(f"the model server does not say what it serves: {error}") from error
        return int(champion["version"]) if champion else None

    def traffic(self) -> Traffic:
        """What was seen so far."""
        times = sorted(self._milliseconds)
        return Traffic(
            requests=len(times) + self._failures,
            failures=self._failures,
            p95_ms=round(times[math.ceil(0.95 * len(times)) - 1], 2) if times else None,
            answers=dict(self._answers),
            errors=tuple(self._errors),
        )

    def _ask_on(self) -> None:
        while not self._ended.wait(_PAUSE_SECONDS):
            self._ask()

    def _ask(self) -> None:
        start = time.perf_counter()
        try:
            answer = self._http.post(f"/v1/models/{self._model}/predict", json=self._body)
            if not self._answers and answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.SERVICE_UNAVAILABLE):
                return
            prediction = answer.raise_for_status().json()["predictions"][0]
        except (httpx.HTTPError, ValueError, LookupError) as error:
            self._fail(f"{type(error).__name__}: {error}")
            return
        self._milliseconds.append((time.perf_counter() - start) * 1000)
        self._answers[f"v{prediction['version']}" if prediction["source"] == "model" else "rule"] += 1

    def _fail(self, message: str) -> None:
        self._failures += 1
        if len(self._errors) < _MOST_REMEMBERED:
            self._errors.append(message)


def example_record(config: ModelConfig) -> dict[str, JsonValue]:
    """A record to ask for: the first declared case with a known answer, without what the server looks up itself."""
    case = config.gates.canonical[0].input
    return {name: case[name] for name in config.features.inputs if name in case}
