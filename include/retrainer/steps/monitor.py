"""monitor: what an interval says about the version in production, and what is to be done about it.

Features, predictions and labels are compared with what the version learned from, predictions of past intervals with the
labels known by now, the server's answers with its declared level. All of it goes into the history; what is confirmed
over several intervals is found there, and a policy decides. Nothing here trains, releases or sends anything.
"""

import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from retrainer.config.declaration import ModelConfig
from retrainer.config.runtime import RuntimeSettings
from retrainer.contracts import Entry, Finding, Interval, Measurement, Monitored, Recorded, StepRequest
from retrainer.deployment import Standing, standing
from retrainer.ledger import Episodes, History, Ledger, Outbox
from retrainer.monitoring.findings import confirmed, judged_topics
from retrainer.monitoring.policy import Plan, decide
from retrainer.monitoring.situation import Situation
from retrainer.registry import Versions
from retrainer.snapshots import connect
from retrainer.steps.inputs import declaration
from retrainer.steps.label_rows import first_moment
from retrainer.steps.monitor_drift import IntervalDrift
from retrainer.steps.monitor_labels import MEMORY_MB, LabelledRows
from retrainer.steps.monitor_performance import LabelledPast, measure_past
from retrainer.steps.monitor_report import PAGE, ReportRun, report_run
from retrainer.steps.monitor_service import measure_server
from retrainer.steps.monitor_version import WatchedVersion, load_watched
from retrainer.steps.score import champion_of
from retrainer.steps.tracking import connect_tracking

log = logging.getLogger(__name__)


def run(request: StepRequest, settings: RuntimeSettings) -> Monitored:
    """Measure the interval of the request, and decide. Monitored again, it leaves the same state.

    Without a version in production there is nothing to monitor: the result says so.

    Raises:
        ConfigurationError: the champion is not in the registry, or a business expression is none.
        TrackingUnavailableError: MLflow does not give the champion's files.
        UnsafeArtifactError: they are not what was registered.
        LedgerUnavailableError: the ledger's database does not answer.
    """
    config = declaration(request)
    entries = Ledger.open(settings.ledger_url).entries(config.name)
    now = standing(entries)
    if now.champion is None:
        reason = "no version is in production yet"
        log.info("nothing is monitored: %s", reason)
        return Monitored(
            model=config.name, interval=request.interval, verdict="not_known", reason=reason, skipped=reason
        )
    return _Monitoring(request, settings, config, entries, now).conduct()


@dataclass(frozen=True, slots=True)
class _Monitoring:
    """One interval of one model."""

    request: StepRequest
    settings: RuntimeSettings
    config: ModelConfig
    entries: Sequence[Entry]
    now: Standing

    @property
    def interval(self) -> Interval:
        return self.request.interval

    def conduct(self) -> Monitored:
        """Measure, record, decide, show."""
        history = History.open(self.settings.ledger_url)
        newest = history.newest(self.config.name)
        watched = load_watched(champion_of(self._versions(), self.now), self.config)
        intervals = self._lookback()
        past = measure_past(
            self.config, self.settings.data_uri, intervals, as_of=self.request.as_of, entries=self.entries
        )
        measurements = (
            *past.measurements,
            *self._drift(watched, past),
            *measure_server(self.config, self.settings, self.request),
        )
        count = history.record(self.config.name, measurements, self.request.run_id)
        log.info("%d measurements, %d of them new", len(measurements), count)
        recent = history.latest(self.config.name, intervals[0].start, self.interval.end)
        is_older = newest is not None and newest.start > self.interval.start
        situation = self._situation(watched, recent, is_older=is_older)
        with self._report(situation) as report:
            situation = replace(situation, report_url=report.address)
            plan = decide(situation)
            Episodes.open(self.settings.ledger_url).append(plan.events)
            alerts = Outbox.open(self.settings.ledger_url).put(plan.alerts)
            log.info("%s: %s", plan.verdict, plan.reason)
            if report.is_new:
                report.keep(self._files(watched, plan, situation.findings, recent))
        return Monitored(
            model=self.config.name,
            interval=self.interval,
            version=watched.number,
            verdict=plan.verdict,
            findings=tuple(situation.findings),
            episode=plan.episode,
            action=plan.action,
            reason=plan.reason,
            train_run_id=plan.train_run_id,
            train_as_of=plan.train_as_of,
            measurements=len(measurements),
            alerts=alerts,
            report_url=report.address,
        )

    def _versions(self) -> Versions:
        return Versions(connect_tracking(self.settings), self.config.name)

    def _lookback(self) -> list[Interval]:
        """The intervals that are measured again, in order; the last one is that of the request."""
        monitoring, schedule = self.config.monitoring, self.config.schedule
        found = [self.interval]
        first = first_moment(self.config)
        while found[0].start > first and len(found) < max(
            monitoring.performance.lookback_intervals, monitoring.drift.confirm.of
        ):
            found.insert(0, schedule.interval_before(found[0].start))
        return found

    def _drift(self, champion: WatchedVersion, past: LabelledPast) -> list[Measurement]:
        """Of the champion, and of other versions that answered in the interval."""
        here = {each.version for each in past.intervals if each.interval == self.interval and each.version is not None}
        versions = self._versions()
        others = [versions.get(number) for number in sorted(here - {champion.number})]
        watched = [champion, *(load_watched(each, self.config) for each in others if each is not None)]
        measured = (IntervalDrift.of(each, self.settings.data_uri, self.interval) for each in watched)
        return [one for each in measured for one in each.measure(past.intervals)]

    def _report(self, situation: Situation) -> AbstractContextManager[ReportRun]:
        wanted = self.config.monitoring.report
        if wanted == "every_interval" or (wanted == "findings" and situation.findings):
            return report_run(self.request, self.settings)
        return nullcontext(ReportRun())

    def _situation(self, watched: WatchedVersion, recent: Sequence[Recorded], *, is_older: bool) -> Situation:
        """All that the policy looks at."""
        interval, version, rules = self.interval, watched.number, self.config.monitoring
        return Situation(
            model=self.config.name,
            interval=interval,
            config=rules,
            findings=confirmed(recent, interval=interval, version=version, config=rules),
            events=Episodes.open(self.settings.ledger_url).events(self.config.name),
            entries=self.entries,
            champion=version,
            trained_until=self.now.trained_until,
            is_backfill=is_older or self.request.params.get("backfill") is True,
            run_id=self.request.run_id,
            judged=judged_topics(recent, interval=interval, version=version),
        )

    def _files(
        self, watched: WatchedVersion, plan: Plan, findings: Sequence[Finding], recent: Sequence[Recorded]
    ) -> dict[str, str | bytes]:
        """The page for people, and the plots."""
        # Imported here: without the step host Evidently takes seconds, and not every interval has a report.
        from retrainer.monitoring.plots import draw_history
        from retrainer.monitoring.report import Decided, report_html
        from retrainer.steps.monitor_samples import interval_sample, reference_sample, report_columns

        rows = self.config.monitoring.report_rows
        with connect(memory_mb=MEMORY_MB) as connection:
            labelled = LabelledRows(self.config, self.settings.data_uri, connection, as_of=self.request.as_of)
            current = interval_sample(watched, labelled, self.interval, rows=rows)
        page = report_html(
            reference_sample(watched, rows=rows),
            current,
            columns=report_columns(watched),
            decided=Decided(
                model=self.config.name,
                interval=self.interval,
                version=watched.number,
                verdict=plan.verdict,
                reason=plan.reason,
                findings=tuple(findings),
            ),
            measurements=[each for each in recent if each.interval == self.interval],
        )
        return {PAGE: page, **draw_history(recent)}
