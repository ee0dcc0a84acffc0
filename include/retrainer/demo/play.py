"""Playing the story: every landing and every training is a DAG run, started and watched through Airflow's REST API."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from pydantic import JsonValue

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Interval
from retrainer.demo.airflow_api import AirflowApi, DagRun
from retrainer.demo.progress import Progress
from retrainer.demo.steady import SteadyClient
from retrainer.demo.story import FEED_DAG, FIRST_DAY, RENAMED, STORY, TRAIN_DAG, Chapter
from retrainer.demo.summary import RunSummary, summarize_run
from retrainer.errors import StackError

_RUN_SECONDS = 240
_STEPS = ("compare", "deploy", "build_features", "register")


@dataclass(frozen=True, slots=True)
class Played:
    """One summary a chapter, and whether each broken chapter's interval was in quarantine after its run."""

    runs: list[RunSummary]
    quarantined: bool


@dataclass(frozen=True, slots=True)
class Player:
    """Plays chapters against one Airflow, whose steps keep their data under the folder `data`."""

    api: AirflowApi
    progress: Progress
    config: ModelConfig
    data: Path
    client: SteadyClient | None = None
    """Asks the model server meanwhile; None: nobody does."""

    def play(self, story: tuple[Chapter, ...] = STORY, *, first_day: date = FIRST_DAY) -> Played:
        """Land days and train, chapter by chapter.

        Raises:
            StackError: Airflow does not answer, or the feed itself fails.
        """
        for dag_id in (FEED_DAG, TRAIN_DAG):
            self.api.unpause(dag_id)
        landed_until = first_day
        summaries, quarantined = [], []
        for chapter in story:
            self._land(landed_until, chapter)
            landed_until = chapter.as_of
            summaries.append(self._train(chapter))
            if chapter.broken:
                quarantined.append(self._quarantine(chapter).exists())
                self._feed("upstream repairs the column", {"rename": ":".join(reversed(RENAMED))})
        return Played(summaries, all(quarantined))

    def interval(self, chapter: Chapter) -> Interval:
        """The interval that a chapter's run is about."""
        midnight = datetime(
            chapter.as_of.year, chapter.as_of.month, chapter.as_of.day, tzinfo=self.config.schedule.zone
        )
        return self.config.schedule.interval_before(midnight)

    def _quarantine(self, chapter: Chapter) -> Path:
        return self.data / self.config.name / "quarantine" / self.config.source.rows / self.interval(chapter).key

    def _land(self, start: date, chapter: Chapter) -> None:
        title = f"land {start:%d %b} to {chapter.day:%d %b}" if chapter.day > start else f"land {start:%d %b}"
        conf: dict[str, JsonValue] = {"from": start.isoformat(), "to": chapter.as_of.isoformat()}
        if chapter.broken:
            title, conf["rename"] = f"{title}, a column renamed", ":".join(RENAMED)
        self._feed(title, conf)

    def _feed(self, title: str, conf: dict[str, JsonValue]) -> None:
        run_id = self.api.trigger(FEED_DAG, conf)
        run = self._watch(FEED_DAG, run_id, title)
        if run.state != "success":
            raise StackError(f"{FEED_DAG} {run_id} ({title}) failed: {self._error(run)}")

    def _train(self, chapter: Chapter) -> RunSummary:
        run_id = self.api.backfill(TRAIN_DAG, self.interval(chapter).start)
        title = f"train as of {chapter.as_of:%d %b}" + (" (broken day)" if chapter.broken else "")
        run = self._watch(TRAIN_DAG, run_id, title)
        results: Mapping[str, JsonValue] = {step: self.api.result(run, step) for step in _STEPS}
        summary = summarize_run(self.interval(chapter).end, run_id, run.state, results=results, error=self._error(run))
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
