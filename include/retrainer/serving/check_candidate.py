"""Whether a version may serve: what it says over HTTP to its canonical inputs and its sample, and how fast."""

import time
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection, HTTPException
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from retrainer.contracts import ServingSpec
from retrainer.serving.known_answers import canonical_problem, canonical_record, sample_problem, serving_section
from retrainer.serving.local_copy import Checks

Record = dict[str, JsonValue]

_SINGLE_PREDICTIONS = 50
_MOST_RECORDS = 100
_TIMEOUT_SECONDS = 60.0
_MOST_NAMED = 5


def why_not(address: tuple[str, int], path: str, spec: ServingSpec, checks: Checks, *, timed: bool) -> str:
    """Why the version that is asked at `path` of the server at `address` is not to serve; empty where it may.

    It has to give what is expected of every canonical input, what it said of its sample when it was trained and, if
    `timed`, to answer single requests within the p95 that `serving.level` declares.

    Raises:
        ConnectionError: the server does not answer, which is not the version's fault.
    """
    try:
        with _Client(address, path, spec.version) as client:
            failures = [*_canonical_failures(client, spec, checks), *_sample_failures(client, spec, checks)]
            if timed and not failures:
                failures = list(_latency_failures(client, spec, checks))
    except _NoAnswerError as error:
        failures = [f"a single prediction gets no answer: {error}"]
    except TimeoutError:
        failures = [f"an answer takes longer than {_TIMEOUT_SECONDS:g} s"]
    except (OSError, HTTPException) as error:
        raise ConnectionError(f"a candidate could not be asked: {type(error).__name__}: {error}") from error
    left = len(failures) - _MOST_NAMED
    return "; ".join(failures[:_MOST_NAMED]) + (f"; and {left} more" if left > 0 else "")


class _NoAnswerError(Exception):
    """The version did not answer; the message says what the server said."""


class _Client:
    """Asks over one connection."""

    def __init__(self, address: tuple[str, int], path: str, version: int) -> None:
        self._connection = HTTPConnection(*address, timeout=_TIMEOUT_SECONDS)
        self._path, self._version = path, version

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def ask(self, records: Sequence[Record]) -> NDArray[np.float64]:
        """One number a record.

        Raises:
            _NoAnswerError: there is no answer, or it is another version's.
        """
        body = msgspec.json.encode({"records": records})
        self._connection.request("POST", self._path, body, {"content-type": "application/json"})
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise _NoAnswerError(f"HTTP status {response.status}: {body[:500].decode(errors='replace')}")
        answer: Any = msgspec.json.decode(body)
        if any(each["version"] != self._version for each in answer["predictions"]):
            raise _NoAnswerError("another version answered for it")
        return np.array([each["value"] for each in answer["predictions"]], dtype=np.float64)


def _canonical_failures(client: _Client, spec: ServingSpec, checks: Checks) -> Iterator[str]:
    for case in checks.canonical:
        try:
            (answer,) = client.ask([canonical_record(case, spec.fields)]).tolist()
        except _NoAnswerError as error:
            yield f"canonical input {case.name!r} gets no answer: {error}"
            continue
        if problem := canonical_problem(case, answer):
            yield f"canonical input {problem}"


def _sample_failures(client: _Client, spec: ServingSpec, checks: Checks) -> Iterator[str]:
    sample = checks.sample
    most = min(_MOST_RECORDS, serving_section(spec).max_records)
    parts = [np.empty(0)]
    try:
        for start in range(0, len(sample.records), most):
            parts.append(client.ask(sample.records[start : start + most]))
    except _NoAnswerError as error:
        yield f"its sample gets no answer: {error}"
        return
    if problem := sample_problem(spec, sample.outputs, np.concatenate(parts)):
        yield problem


def _latency_failures(client: _Client, spec: ServingSpec, checks: Checks) -> Iterator[str]:
    """p95 of single predictions, ended as soon as it is clear: only so many of them may take longer."""
    records = checks.sample.records or tuple(canonical_record(case, spec.fields) for case in checks.canonical)
    if not records:
        return
    allowed = serving_section(spec).level.p95_ms
    times: list[float] = []
    for place in range(_SINGLE_PREDICTIONS):
        start = time.perf_counter()
        client.ask([records[place % len(records)]])
        times.append((time.perf_counter() - start) * 1000)
        if sum(each > allowed for each in times) > 0.05 * _SINGLE_PREDICTIONS:
            p95 = float(np.quantile(times, 0.95))
            yield (
                f"{len(times)} single predictions over HTTP have a p95 of {p95:.1f} ms, "
                f"above the {allowed:g} ms of serving.level.p95_ms"
            )
            return
