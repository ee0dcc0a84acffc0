"""The measurements of some weeks as lines: one for each column or metric, with what a reader asks first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from retrainer.cli.sparkline import Point
from retrainer.contracts import About, NewEpisodeEvent, Recorded
from retrainer.contracts.monitoring import COVERAGE, WINDOW
from retrainer.monitoring.episode import episodes_of, open_episode

_ORDER: tuple[About, ...] = ("feature", "prediction", "label", "performance", "business", "service")
_BY_LABELS: tuple[About, ...] = ("performance", "business")
_SHARES = ("missing", "unseen", "coverage", "error_share")
_UNJUDGED = "psi"


@dataclass(frozen=True, slots=True)
class Line:
    """One measure of one thing over the intervals."""

    about: About
    subject: str
    measure: str
    points: tuple[Point, ...]
    last: str
    usual: str
    flagged: int
    """Intervals in which it stood out, of `known` with a value."""
    known: int
    is_flagged: bool
    is_confirmed: bool
    state: str


def lines_of(measured: Iterable[Recorded], events: Iterable[NewEpisodeEvent], *, every: bool) -> list[Line]:
    """The lines of some weeks: of each column and metric the measure that stood out most often, or `every` one."""
    subjects: dict[tuple[About, str], dict[str, list[Recorded]]] = {}
    for each in measured:
        measures = subjects.setdefault((each.about, each.subject), {})
        measures.setdefault(each.measure, []).append(each)
    confirmed = _confirmed(events)
    lines = []
    for (about, subject), measures in sorted(subjects.items(), key=lambda item: (_ORDER.index(item[0][0]), item[0][1])):
        shown = list(measures) if every else [_foremost(about, subject, measures)]
        lines += [_line(measures, measure, confirmed.get(f"{about} {subject}")) for measure in shown]
    return lines


def _confirmed(events: Iterable[NewEpisodeEvent]) -> dict[str, str]:
    """What the open episodes are about, such as `feature distance`, and what they are called."""
    known = tuple(events)
    found: dict[str, str] = {}
    for topic in ("model", "service"):
        episode = open_episode(episodes_of(known, topic))
        if episode is not None:
            found |= dict.fromkeys(episode.subjects, f"confirmed in episode {episode.number}")
    return found


def _foremost(about: About, subject: str, measures: dict[str, list[Recorded]]) -> str:
    if about in _BY_LABELS:
        return subject if subject in measures else next(iter(measures))
    judged = [measure for measure in measures if measure != _UNJUDGED] or list(measures)
    return max(judged, key=lambda measure: _prominence(measures[measure]))


def _prominence(measured: Sequence[Recorded]) -> tuple[int, float]:
    """How often a measure stood out, and how the last value that is known compares with what is usual."""
    known = [each for each in measured if each.value is not None]
    excess = abs(known[-1].value or 0.0) / (known[-1].expected or 1.0) if known else 0.0
    return sum(each.flagged for each in measured), excess


def _line(measures: dict[str, list[Recorded]], measure: str, confirmed: str | None) -> Line:
    measured = _by_interval(measures[measure])
    last = measured[-1]
    known = [each for each in measured if each.value is not None]
    judged = _by_interval(measures[WINDOW])[-1] if last.about in _BY_LABELS and WINDOW in measures else last
    return Line(
        about=last.about,
        subject=last.subject,
        measure=measure,
        points=tuple(Point(each.value, each.flagged) for each in measured),
        last=_value(known[-1]) if known else "-",
        usual=_number(measure, judged.expected if judged.expected is not None else _expected(known)),
        flagged=sum(each.flagged for each in measured),
        known=len(known),
        is_flagged=judged.flagged,
        is_confirmed=confirmed is not None,
        state=_state(measures, last, judged, confirmed=confirmed),
    )


def _by_interval(measured: Iterable[Recorded]) -> list[Recorded]:
    """One for each interval, oldest first: where the version changed in mid-interval, the newer version's."""
    ordered = sorted(measured, key=lambda each: (each.interval.start, each.version or 0))
    return list({each.interval.start: each for each in ordered}.values())


def _state(measures: dict[str, list[Recorded]], last: Recorded, judged: Recorded, *, confirmed: str | None) -> str:
    said = [confirmed] if confirmed else ["flagged"] if judged.flagged else []
    if last.value is None:
        said.append("not known yet" + (f": {last.note}" if last.note else ""))
    elif judged is not last and judged.note:
        said.append(judged.note)
    if last.about == "performance" and last.measure not in (COVERAGE, WINDOW) and COVERAGE in measures:
        covered = _by_interval(measures[COVERAGE])[-1].value
        said.append(f"{covered or 0.0:.0%} of the labels are known")
    return "; ".join(said)


def _value(measured: Recorded) -> str:
    value = _number(measured.measure, measured.value)
    if measured.low is None or measured.high is None:
        return value
    return f"{value} [{_number(measured.measure, measured.low)}, {_number(measured.measure, measured.high)}]"


def _expected(known: Sequence[Recorded]) -> float | None:
    return known[-1].expected if known else None


def _number(measure: str, value: float | None) -> str:
    if value is None:
        return "-"
    if measure in _SHARES:
        return f"{value:.1%}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
