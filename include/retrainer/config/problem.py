"""A mistake in a declaration: where it is, what is wrong, what is allowed."""

from dataclasses import dataclass
from pathlib import Path

from retrainer.errors import ConfigurationError

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: file, line (from 1), dotted key (empty for the whole file), message."""

    path: Path
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}"
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class DeclarationError(ConfigurationError):
    """A declaration with at least one mistake. The message has a line for each of the first ten."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: (str(problem.path), problem.line)))
        lines = [str(problem) for problem in self.problems[:_SHOWN]]
        if len(self.problems) > _SHOWN:
            lines.append(f"and {len(self.problems) - _SHOWN} more")
        super().__init__("\n".join(lines))
