"""Answers to requests that cannot be answered: application/problem+json (RFC 9457), without a stack trace."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import msgspec

from retrainer.errors import RetrainerError

PROBLEM_JSON = "application/problem+json"

MOST_PROBLEMS = 20
"""Fields that one answer names at most."""


class FieldProblem(msgspec.Struct, frozen=True):
    """What is wrong with one field of a request; `pointer` is its place, such as `records[0].distance`."""

    pointer: str = msgspec.field(name="field")
    message: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of such an answer. `error_code` and `message` are there for MLflow's clients only."""

    type: str
    title: str
    status: int
    detail: str
    errors: Sequence[FieldProblem] = ()
    error_code: str = ""
    message: str = ""


class RequestError(RetrainerError):
    """A request that is refused. The message is the answer's `detail`, so it holds nothing that is not to be told."""

    def __init__(
        self,
        status: int,
        detail: str,
        problems: Sequence[FieldProblem] = (),
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = HTTPStatus(status)
        self.problems = tuple(problems)
        self.headers = dict(headers or {})


class RecordError(RequestError):
    """The records of a request cannot be predicted: not JSON (400), too many (413), or wrong in some fields (422)."""


def of_fields(problems: Sequence[FieldProblem]) -> RecordError:
    """The refusal (422) of a request with `problems`, of which as many are listed as an answer may hold."""
    listed = problems[:MOST_PROBLEMS]
    fields = "one field is" if len(listed) == 1 else f"{len(listed)} fields are"
    more = "; there may be more" if len(problems) >= MOST_PROBLEMS else ""
    first = f"{listed[0].pointer}: {listed[0].message}"
    detail = first if len(listed) == 1 else f"{fields} wrong{more}; the first is {first}"
    return RecordError(HTTPStatus.UNPROCESSABLE_ENTITY, detail, listed)


def problem_body(error: RequestError, *, for_mlflow: bool = False) -> bytes:
    """The JSON of the answer to a refused request. MLflow's clients look for `error_code` and `message` in it."""
    named = "; ".join(f"{problem.pointer}: {problem.message}" for problem in error.problems)
    return _encode(
        Problem(
            "about:blank",
            error.status.phrase,
            int(error.status),
            str(error),
            errors=error.problems,
            error_code=error.status.name if for_mlflow else "",
            message=(named or str(error)) if for_mlflow else "",
        )
    )


_encode = msgspec.json.Encoder().encode
