"""Entries for the tests of the ledger."""

from datetime import UTC, datetime

from retrainer.contracts import Action, NewEntry

MODEL = "flight_delay"
AS_OF = datetime(2013, 7, 8, 4, tzinfo=UTC)


def new_entry(
    identity: str, *, action: Action = "promote", version: int = 1, champion: int | None = 1, model: str = MODEL
) -> NewEntry:
    return NewEntry(
        model=model,
        action=action,
        version=version,
        previous_version=None,
        champion_version=champion,
        as_of=AS_OF,
        identity=identity,
        actor="airflow run manual",
        reason="better than the baseline rule",
        evidence={"decision": {"promote": True}},
    )
