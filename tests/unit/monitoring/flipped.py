"""How soon the performance on late labels sees a relation that turned round, by replaying days of real flights.

A relation is turned round by giving the labels of a day to its rows in the reverse order of a feature: every feature
and the share of labels stay what they were, and what the feature says of the label is the opposite.
"""

from collections.abc import Iterator
from statistics import median

import numpy as np

from retrainer.contracts.columns import LABEL
from retrainer.monitoring.labelled import LabelledInterval, Promise
from retrainer.monitoring.performance import measure_window
from tests.unit.monitoring.past import Numbers, day, promise_from, roc_auc, yardstick_of
from tests.unit.monitoring.play import DAYS_A_YEAR, REFERENCE_DAYS, WITHIN, Replay

HOLDOUT_DAYS = 14
LOOKBACK = 30


def mirrored(labels: Numbers, feature: Numbers) -> Numbers:
    """The labels of rows given to them in the reverse order of a feature; rows in which it is missing keep theirs."""
    known = np.flatnonzero(np.isfinite(feature) & np.isfinite(labels))
    order = known[np.argsort(feature[known], kind="stable")]
    turned = labels.copy()
    turned[order] = labels[order[::-1]]
    return turned


def judged(replay: Replay, number: int, *, turned: str | None = None) -> LabelledInterval:
    """A day's predictions and labels, those turned round of `turned` where a feature is given."""
    columns = replay.days(number)
    labels = columns[LABEL] if turned is None else mirrored(columns[LABEL], columns[turned])
    known = np.isfinite(labels)
    outputs = columns["prediction"][known]
    return LabelledInterval(day(number), 1, len(labels), int(known.sum()), labels[known], outputs)


def promise_of_holdout(replay: Replay) -> Promise:
    """What a release says of a model whose holdout were the last days of the reference."""
    days = range(REFERENCE_DAYS - HOLDOUT_DAYS, REFERENCE_DAYS)
    return promise_from([roc_auc(*judged(replay, number).rows) for number in days])


def accused(replay: Replay, promise: Promise) -> list[bool]:
    """Whether the window is flagged, night after night, while nothing has changed."""
    days = [judged(replay, number) for number in range(REFERENCE_DAYS - HOLDOUT_DAYS, replay.length)]
    nights = range(HOLDOUT_DAYS, len(days))
    return [_is_flagged(days[max(0, night - LOOKBACK + 1) : night + 1], promise) for night in nights]


def seen_after(replay: Replay, promise: Promise, feature: str, *, start: int) -> int | None:
    """How many intervals after `start`, when the relation is turned round, the window is flagged; None: it is not."""
    days = [judged(replay, number) for number in range(start - LOOKBACK, start)]
    for number in range(start, start + WITHIN):
        days.append(judged(replay, number, turned=feature))
        if _is_flagged(days[-LOOKBACK:], promise):
            return number - start + 1
    return None


def worth(replay: Replay, feature: str, *, start: int) -> tuple[float, float]:
    """The area under the curve of the days from `start` on, as they were and turned round."""
    days = range(start, start + WITHIN)
    before, after = ([roc_auc(*judged(replay, n, turned=turned).rows) for n in days] for turned in (None, feature))
    return float(np.mean(before)), float(np.mean(after))


def accused_line(replays: list[Replay]) -> str:
    """How often windows of days without any change are flagged: one line for all replays."""
    nights = [accused(replay, promise_of_holdout(replay)) for replay in replays]
    count = sum(len(each) for each in nights)
    begins = sum(now and not before for each in nights for before, now in zip([False, *each], each, strict=False))
    return f"| flights | {sum(map(sum, nights)) / count:.1%} | {begins * DAYS_A_YEAR / count:.2f} |"


def turned_lines(replays: list[Replay], *, features: tuple[str, ...], starts: tuple[int, ...]) -> Iterator[str]:
    """How soon the relation of each feature is seen to have turned round: one line for each."""
    for feature in features:
        found, values = [], []
        for replay in replays:
            promise = promise_of_holdout(replay)
            found += [seen_after(replay, promise, feature, start=start) for start in starts]
            values += [worth(replay, feature, start=start) for start in starts]
        before, after = np.mean(values, axis=0)
        seen = sorted(each for each in found if each is not None)
        soon, latest = (f"{median(seen):g}", f"{seen[-1]}") if seen else ("-", "-")
        yield f"| {feature} | {before:.2f} to {after:.2f} | {len(seen)} of {len(found)} | {soon} | {latest} |"


def _is_flagged(days: list[LabelledInterval], promise: Promise) -> bool:
    found = measure_window(1, days, yardstick_of(), promise=promise)
    return found is not None and found.flagged
