"""Entries, measurements, events and alerts for the tests of the ledger."""

from datetime import UTC, datetime, timedelta

from retrainer.contracts import Action, Interval, Measurement, NewAlert, NewEntry, NewEpisodeEvent

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


def day(number: int) -> Interval:
    """A day of July 2013, in New York."""
    start = datetime(2013, 7, 1, 4, tzinfo=UTC) + timedelta(days=number - 1)
    return Interval(start=start, end=start + timedelta(days=1))


def measurement(number: int = 1, **changed: object) -> Measurement:
    """The shift of one column on a day."""
    said: dict[str, object] = {"version": 4, "about": "feature", "subject": "distance", "measure": "shift"}
    return Measurement(**said | {"interval": day(number), "value": 0.25, "rows": 800} | changed)


def new_event(identity: str, *, model: str = MODEL, **changed: object) -> NewEpisodeEvent:
    said: dict[str, object] = {
        "topic": "model",
        "episode": 1,
        "event": "opened",
        "interval": day(1),
        "severity": "warn",
    }
    return NewEpisodeEvent(**said | {"model": model, "identity": identity} | changed)


def new_alert(identity: str, *, model: str = MODEL, run_id: str = "monitor 1") -> NewAlert:
    return NewAlert(model=model, identity=identity, text=f"about {identity}", run_id=run_id)
