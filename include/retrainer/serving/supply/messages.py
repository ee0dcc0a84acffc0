"""What server and supply say to each other: one line of JSON each, over the supply's stdin and stdout."""

from retrainer.contracts import Assignment, Contract, Refusal


class Supplied(Contract):
    """What is to be served of one model, and where the versions for it are.

    `folders` are the names of the verified local copies, by version; a version that is not among them cannot be had.
    `refused` were tried out and are not to be served; the rule of such a version may answer where its folder is given.
    """

    assignment: Assignment
    folders: dict[int, str]
    refused: tuple[Refusal, ...] = ()


class Refresh(Contract):
    """Look at the ledger for this model now."""

    model: str
