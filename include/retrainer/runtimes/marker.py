"""The marked lines of a step's output: its request, its result, its error.

A marked line starts with the marker and holds one JSON object, ended by a newline. A line that only mentions a marker,
or that was cut off, is an ordinary line of the log.
"""

import json
from collections.abc import Mapping

from pydantic import JsonValue

REQUEST_MARKER = "retrainer-request: "
"""First line of a step's log (stderr)."""

RESULT_MARKER = "retrainer-result: "
"""On stdout, once, if the step is done."""

ERROR_MARKER = "retrainer-error: "
"""On stdout, once, if the step failed on its own: `kind` (class of the error) and `message`."""


def marked_line(marker: str, value: Mapping[str, JsonValue]) -> str:
    """The line, newline included, that `parse_marked` reads back."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return f"{marker}{text}\n"


def parse_marked(marker: str, line: str) -> dict[str, JsonValue] | None:
    """The object of a whole line (without its newline) that starts with `marker`; None for any other line."""
    if not line.startswith(marker):
        return None
    try:
        value = json.loads(line[len(marker) :], parse_constant=_refuse_constant)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
