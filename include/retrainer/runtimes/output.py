"""What a step says: cut into lines, its marked lines apart from those of the log."""

from collections.abc import Callable

from pydantic import JsonValue

from retrainer.runtimes.marker import ERROR_MARKER, RESULT_MARKER, parse_marked
from retrainer.runtimes.outcome import StepOutcome

Log = Callable[[str], None]
"""Takes one line of a step's output, without its newline."""

LONGEST_LINE = 2**20
"""Bytes of a line of the log; a longer one is handed on in pieces."""

LONGEST_RESULT = 2**26
"""Bytes of a line of stdout, which may be the result."""


class Lines:
    """Cuts a stream of bytes into lines. One that is longer than `longest` bytes is handed on in pieces."""

    def __init__(self, take: Callable[[str, bool], None], longest: int) -> None:
        self._take = take
        self._longest = longest
        self._rest = bytearray()

    def feed(self, data: bytes) -> None:
        """Hand on every line that `data` completes; with no data (the end), also what is left of one."""
        start = len(self._rest)
        self._rest += data
        if b"\n" in data:
            *lines, last = bytes(self._rest).split(b"\n")
            self._rest = bytearray(last)
            for line in lines:
                self._take(line.decode(errors="replace"), True)
        elif start and (not data or len(self._rest) > self._longest):
            line, self._rest = bytes(self._rest), bytearray()
            self._take(line.decode(errors="replace"), False)


class StepOutput:
    """Takes a step's lines: keeps its result and its error, and hands all others to `log`."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.result: dict[str, JsonValue] | None = None
        self.error: dict[str, JsonValue] = {}

    def take(self, line: str, whole: bool = True) -> None:
        """A line that may be a marked one, where it is `whole`."""
        if whole and (result := parse_marked(RESULT_MARKER, line)) is not None:
            self.result = result
        elif whole and (error := parse_marked(ERROR_MARKER, line)) is not None:
            self.error = error
        else:
            self.take_unmarked(line)

    def take_unmarked(self, line: str, _whole: bool = True) -> None:
        """A line for the log, whatever it says."""
        self._log(line.removesuffix("\r").rpartition("\r")[2])  # of a progress bar, what a terminal would show last

    def outcome(self, exit_status: int, *, reason: str, runtime: str) -> StepOutcome:
        """How the step ended, with what it has said."""
        return StepOutcome(
            exit_status=exit_status,
            result=self.result,
            reason=reason,
            error_kind=str(self.error.get("kind", "")),
            error_message=str(self.error.get("message", "")),
            runtime=runtime,
        )
