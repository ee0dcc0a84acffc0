"""What a person's answer to the question whether to retrain comes to."""

from collections.abc import Iterable
from typing import Literal

from retrainer.contracts import Interval, NewEpisodeEvent
from retrainer.monitoring.episode import episodes_of, text_of, training_runs
from retrainer.monitoring.events import page_of

Answer = Literal["retrain", "hold"]


def answer_events(
    asked: NewEpisodeEvent,
    answer: Answer,
    events: Iterable[NewEpisodeEvent],
    *,
    by: str,
    note: str,
    newest: Interval,
) -> tuple[NewEpisodeEvent, ...]:
    """The events to append for an answer to `asked`: `answered`, and `fired` where its run is to be fired.

    `by` is who answered, empty where nobody did in time; `events` are all of the model, oldest first; `newest` is the
    newest interval that was monitored. An answer that was given before stands. Too late, that is once the episode has
    ended or another run is in flight, it fires nothing.
    """
    known = tuple(events)
    episode = next(each for each in episodes_of(known, asked.topic) if each.number == asked.episode)
    run_id = text_of(asked, "run_id")
    before = episode.answer_to(asked)
    if before is not None:
        return (before, *(run.fired for run in episode.runs if run.run_id == run_id))
    page = page_of(episode, newest, severity=asked.severity)
    said = {"asked": asked.identity, "answer": answer, "by": by, "note": note}
    reply = page.event("answered", said, of=asked.interval.key)
    if answer == "hold" or episode.ended or any(run.outcome is None for run in training_runs(known)):
        return (reply,)
    fired = {name: asked.details[name] for name in ("run_id", "as_of", "subjects", "champion")}
    reason = f"{by} answered: retrain" + (f" ({note})" if note else "")
    return reply, page.event("fired", fired | {"reason": reason, "cause": "answer"}, of=run_id)
