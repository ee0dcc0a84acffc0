"""Entries of the ledger of releases, and what they come to."""

from typing import Literal

from pydantic import Field, JsonValue

from retrainer.contracts.base import Contract, UtcDatetime

Action = Literal[
    "promote",
    "reject",
    "rollback",
    "approve",
    "archive",
    "repair",
    "split",
    "shadow",
    "switch_off",
    "switch_on",
]
"""promote and rollback move the champion. reject, approve, archive (files deleted) and repair (an alias that did not
say what the ledger says was set back) do not. split (a share of the traffic, `percent` in the evidence, 0 ends it) and
shadow (answers unseen) are about a version on trial; switch_off and switch_on say whether the champion or the rule
answers."""


class NewEntry(Contract):
    """What is to be appended. `champion_version` is the version in production after it; null while there is none.

    `version` is the one that the entry is about; `previous_version` the one before the champion in production, null
    where there is none that a rollback could go to. `as_of` is that of the training of `version`. The same `identity`
    is the same request: it has one entry.
    """

    model: str
    action: Action
    version: int
    previous_version: int | None
    champion_version: int | None
    as_of: UtcDatetime
    identity: str
    actor: str = Field(max_length=200)
    reason: str = Field(max_length=2000)
    evidence: dict[str, JsonValue]


class Entry(NewEntry):
    """An entry as it stands: its place in the model's sequence (from 1, without gaps) and when it was written."""

    sequence: int
    created_at: UtcDatetime
