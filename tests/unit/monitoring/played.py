"""A model that is monitored day after day: what the policy decides is written, as the step does it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from retrainer.config.monitoring import Confirmation, Drift, Monitoring, Performance, Retraining
from retrainer.contracts import About, Action, Alarm, Entry, Finding, Interval, NewAlert, NewEpisodeEvent
from retrainer.monitoring.answer import Answer, answer_events
from retrainer.monitoring.policy import Plan, decide
from retrainer.monitoring.situation import Situation

MODEL = "flight_delay"


def day(number: int) -> Interval:
    """Day `number`, from 1, in May 2013 and after."""
    start = datetime(2013, 4, 30, 4, tzinfo=UTC) + timedelta(days=number)
    return Interval(start=start, end=start + timedelta(days=1))


def finding(*subjects: str, severity: Alarm = "severe", about: About = "feature") -> Finding:
    return Finding(
        about=about, subjects=subjects, effect=0.6, severity=severity, message=f"{', '.join(subjects)} moved"
    )


def settings(**retraining: object) -> Monitoring:
    """Few intervals, so that a test is short."""
    return Monitoring(
        drift=Drift(confirm=Confirmation(intervals=2, of=3)),
        performance=Performance(window_intervals=5),
        retraining=Retraining(**{"cool_down_intervals": 4, "max_per_month": 3} | retraining),
    )


DISTANCE = finding("distance")
WARNING = finding("distance", severity="warn")
PREDICTION = finding("prediction", severity="warn", about="prediction")
SERVICE = finding("p95_ms", severity="warn", about="service")


@dataclass
class Played:
    """`events` and `entries` are what is written; `alerts` is the outbox."""

    config: Monitoring = field(default_factory=settings)
    champion: int | None = 1
    trained_until: datetime | None = None
    events: list[NewEpisodeEvent] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    alerts: list[NewAlert] = field(default_factory=list)

    def situation(self, number: int, *findings: Finding, **changed: object) -> Situation:
        said: dict[str, object] = {
            "model": MODEL,
            "interval": day(number),
            "config": self.config,
            "findings": findings,
            "events": tuple(self.events),
            "entries": tuple(self.entries),
            "champion": self.champion,
            "trained_until": self.trained_until,
            "is_backfill": False,
            "run_id": f"monitor of day {number}",
            "report_url": "https://mlflow.example/report",
        }
        return Situation(**said | changed)

    def monitor(self, number: int, *findings: Finding, **changed: object) -> Plan:
        """Decide about day `number`, and write what comes of it, each identity once."""
        plan = decide(self.situation(number, *findings, **changed))
        self.append(*plan.events)
        known = {alert.identity for alert in self.alerts}
        self.alerts += [alert for alert in plan.alerts if alert.identity not in known]
        return plan

    def fire_on_the_first_day(self) -> Plan:
        plan = self.monitor(1, DISTANCE)
        assert plan.action == "retrain"
        return plan

    def append(self, *events: NewEpisodeEvent) -> None:
        known = {event.identity for event in self.events}
        self.events += [event for event in events if event.identity not in known]

    def finish(self, plan: Plan, action: Literal["promote", "reject"], *, version: int) -> None:
        """The training run that was fired ends with an entry in the ledger."""
        assert plan.train_as_of is not None
        self.enter(action, version, as_of=plan.train_as_of)

    def enter(self, action: Action, version: int, *, as_of: datetime) -> None:
        if action in ("promote", "rollback"):
            self.champion, self.trained_until = version, max(as_of, self.trained_until or as_of)
        entry = Entry(
            model=MODEL,
            action=action,
            version=version,
            previous_version=None,
            champion_version=self.champion,
            as_of=as_of,
            identity=f"{action} {version} {len(self.entries)}",
            actor="airflow run",
            reason="shown to be better" if action == "promote" else "not shown to be better",
            evidence={"run_id": "of MLflow"},
            sequence=len(self.entries) + 1,
            created_at=as_of,
        )
        self.entries.append(entry)

    def answer(self, answer: Answer, *, newest: int, by: str = "ada", note: str = "") -> tuple[NewEpisodeEvent, ...]:
        """A person answers the last question."""
        asked = next(event for event in reversed(self.events) if event.event == "asked")
        events = answer_events(asked, answer, self.events, by=by, note=note, newest=day(newest))
        self.append(*events)
        return events

    @property
    def told(self) -> list[str]:
        """The first line of each alert, without its icon and the model."""
        return [alert.text.splitlines()[0].partition("*: ")[2] for alert in self.alerts]

    @property
    def course(self) -> list[str]:
        """The kinds of the events, in order."""
        return [event.event for event in self.events]
