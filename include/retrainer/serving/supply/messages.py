"""What server and supply say to each other: one line of JSON each, over the supply's stdin and stdout."""

from pydantic import Field

from retrainer.contracts import Assignment, Contract, Refusal


class Supplied(Contract):
    """What is to be served of one model, and where the versions for it are.

    `folders` are the names of the verified local copies, by version; one that is not among them cannot be had now.
    `refused` were tried out and are not to be served. `rule` is the version whose rule answers where no version does.
    """

    assignment: Assignment
    folders: dict[int, str] = Field(default_factory=dict)
    refused: tuple[Refusal, ...] = ()
    rule: int | None = None


class Refresh(Contract):
    """Look at the ledger for this model now."""

    model: str


def wanted_versions(assignment: Assignment) -> list[int]:
    """The versions that a server needs, the champion first."""
    split = assignment.split.version if assignment.split else None
    return [each for each in dict.fromkeys((assignment.champion, split, assignment.shadow)) if each is not None]
