"""Playing the story: every landing, training and monitoring is a DAG run, started and watched through Airflow's API."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from pydantic import JsonValue

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Interval, Monitored
from retrainer.demo.airflow_api import AirflowApi, DagRun
from retrainer.demo.episode import EpisodeSummary, summarize_episode
from retrainer.demo.progress import Progress
from retrainer.demo.run_summary import RunSummary, summarize_run
from retrainer.demo.steady import SteadyClient
from retrainer.demo.story import FEED_DAG, FIRST_DAY, MONITOR_DAG, RENAMED, STORY, TRAIN_DAG, WATCHED, Chapter
from retrainer.errors import StackError

_RUN_SECONDS = 240
_STEPS = ("compare", "deploy", "build_features", "register")


@dataclass(frozen=True, slots=True)
class Played:
    """One summary a chapter, whether each broken chapter's interval was in quarantine after its run, and the episode
    of the nights that were watched."""

    runs: list[RunSummary]
    quarantined: bool
    episode: EpisodeSummary | None


@dataclass(frozen=True, slots=True)
class Player:
    """Plays chapters against one Airflow, whose steps keep their data under the folder `data`."""

    api: AirflowApi
    progress: Progress
    config: ModelConfig
    data: Path
    client: SteadyClient | None = None
    """Asks the model server meanwhile; None: nobody does."""

    def play(
        self, story: tuple[Chapter, ...] = STORY, *, watched: tuple[date, ...] = WATCHED, first_day: date = FIRST_DAY
    ) -> Played:
        """Land days and train, chapter by chapter; then land what is watched, and monitor night after night.

        Raises:
            StackError: Airflow does not answer, or the feed itself fails.
        """
        for dag_id in (FEED_DAG, TRAIN_DAG, MONITOR_DAG):
            self.api.unpause(dag_id)
        landed_until = first_day
        summaries, quarantined = [], []
        for chapter in story:
            self._land(landed_until, chapter.as_of, broken=chapter.broken)
            landed_until = chapter.as_of
            summaries.append(self._train(chapter))
            if chapter.broken:
                quarantined.append(self._quarantine(chapter).exists())
                self._feed("upstream repairs the column", {"rename": ":".join(reversed(RENAMED))})
        self._land(landed_until, watched[-1])
        return Played(summaries, all(quarantined), self._watch_nights(watched))

    def interval(self, as_of: date) -> Interval:
        """The interval that a run as of this day's local midnight is about."""
        midnight = datetime(as_of.year, as_of.month, as_of.day, tzinfo=self.config.schedule.zone)
        return self.config.schedule.interval_before(midnight)

    def _quarantine(self, chapter: Chapter) -> Path:
        key = self.interval(chapter.as_of).key
        return self.data / self.config.name / "quarantine" / self.config.source.rows / key

    def _land(self, start: date, as_of: date, *, broken: bool = False) -> None:
        last = as_of - timedelta(days=1)
        title = f"land {start:%d %b} to {last:%d %b}" if last > start else f"land {start:%d %b}"
        conf: dict[str, JsonValue] = {"from": start.isoformat(), "to": as_of.isoformat()}
        if broken:
            title, conf["rename"] = f"{title}, a column renamed", ":".join(RENAMED)
        self._feed(title, conf)

    def _feed(self, title: str, conf: dict[str, JsonValue]) -> None:
        run_id = self.api.trigger(FEED_DAG, conf)
        run = self._watch(FEED_DAG, run_id, title)
        if run.state != "success":
            raise StackError(f"{FEED_DAG} {run_id} ({title}) failed: {self._error(run)}")

    def _train(self, chapter: Chapter) -> RunSummary:
        run_id = self.api.backfill(TRAIN_DAG, self.interval(chapter.as_of).start)
        title = f"train as of {chapter.as_of:%d %b}" + (" (broken day)" if chapter.broken else "")
        return self._trained(run_id, chapter.as_of, title)

    def _watch_nights(self, nights: tuple[date, ...]) -> EpisodeSummary | None:
        """Monitor night after night, and wait for the training run that one of them fires."""
        found: list[Monitored] = []
        run = None
        for as_of in nights:
            found.append(self._monitor(as_of))
            if found[-1].action == "retrain":
                run = self._trained(found[-1].train_run_id, as_of, f"train as of {as_of:%d %b}, fired by monitoring")
        return summarize_episode(found, run)

    def _monitor(self, as_of: date) -> Monitored:
        run_id = self.api.trigger(MONITOR_DAG, {"as_of": self.interval(as_of).end.isoformat()})
        title = f"monitor {as_of - timedelta(days=1):%d %b}"
        run = self._watch(MONITOR_DAG, run_id, title)
        result = self.api.result(run, "monitor")
        if result is None:
            raise StackError(f"{MONITOR_DAG} {run_id} ({title}) failed: {self._error(run)}")
        night = Monitored.model_validate(result)
        self.progress.say(f"{title}: {night.verdict}, {night.reason}")
        return night

    def _trained(self, run_id: str, as_of: date, title: str) -> RunSummary:
        run = self._watch(TRAIN_DAG, run_id, title)
        results: Mapping[str, JsonValue] = {step: self.api.result(run, step) for step in _STEPS}
        summary = summarize_run(self.interval(as_of).end, run_id, run.state, results=results, error=self._error(run))
        if self.client is not None:
            summary = summary.model_copy(update={"served_version": self.client.served()})
        self.progress.say(f"{title}: {summary.decision}, {summary.reason}")
        return summary

    def _watch(self, dag_id: str, run_id: str, title: str) -> DagRun:
        return self.api.wait(
            dag_id, run_id, watch=lambda run: self.progress.show(title, run), timeout_seconds=_RUN_SECONDS
        )

    def _error(self, run: DagRun) -> str:
        """The first line of the error of the task that failed, as its operator handed it on."""
        failed = [task for task, state in run.tasks.items() if state == "failed"]
        texts = [str(self.api.result(run, task, key="error") or f"{task} failed") for task in failed]
        return "; ".join(texts)
