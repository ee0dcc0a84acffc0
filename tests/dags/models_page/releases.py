"""Entries of a ledger for the tests of the Models page."""

from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import JsonValue

from retrainer.contracts import Action, Decision, Gate, NewEntry
from retrainer.ledger import Ledger

AS_OF = datetime(2013, 7, 8, 4, tzinfo=UTC)


def a_decision(*, promote: bool = True, gates: tuple[Gate, ...] = ()) -> Decision:
    """A comparison with champion v1 over 14 days."""
    return Decision(
        promote=promote,
        reason="the interval lies above 0",
        metric="roc_auc",
        reference="champion",
        champion_version=1,
        rows=14210,
        blocks=14,
        challenger_value=0.6912,
        reference_value=0.6841,
        difference=0.0071,
        low=0.0028,
        high=0.0114,
        confidence=0.9,
        gates=gates,
    )


class Releases:
    """Appends entries as the steps do: each knows the champion after it."""

    def __init__(self, url: str) -> None:
        self.ledger = Ledger.open(url)

    def add(
        self,
        action: Action,
        version: int,
        *,
        model: str = "flight_delay",
        reason: str = "better",
        actor: str = "airflow run a_run",
        evidence: Mapping[str, JsonValue] | None = None,
    ) -> None:
        """Append an entry; promote and rollback put `version` in production."""
        entries = self.ledger.entries(model)
        champion = entries[-1].champion_version if entries else None
        entry = NewEntry(
            model=model,
            action=action,
            version=version,
            previous_version=champion,
            champion_version=version if action in ("promote", "rollback") else champion,
            as_of=AS_OF,
            identity=f"request {len(entries)}",
            actor=actor,
            reason=reason,
            evidence=dict(evidence or {}),
        )
        self.ledger.append(entry, after=len(entries))
