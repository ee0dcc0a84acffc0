"""From the latest measurements to what is confirmed: what it is about, how large, how bad by the declared rules."""

from collections.abc import Iterable, Mapping, Sequence

from retrainer.config.monitoring import Monitoring, Rule
from retrainer.contracts import About, Alarm, EpisodeTopic, Finding, Interval, Measurement
from retrainer.contracts.monitoring import WINDOW
from retrainer.monitoring.cause import cause
from retrainer.monitoring.drift import ConfirmedColumn, confirmed_columns

_DRIFT: tuple[About, ...] = ("feature", "prediction", "label")
_JUDGED_BY_WINDOW: tuple[About, ...] = ("performance", "business")
_NAMED = 5
"""So many columns are described in a finding; the others are counted."""


def confirmed(
    measurements: Iterable[Measurement], *, interval: Interval, version: int | None, config: Monitoring
) -> tuple[Finding, ...]:
    """What is confirmed in `interval`, at most one finding about each thing, in the order of `About`.

    `measurements` are the newest revisions of this and of earlier intervals, at least the last
    `config.drift.confirm.of` ones; those of other versions and of later intervals are left out, except that the server
    is one whatever it serves. Drift: the columns that were flagged in K of the last N judged intervals. Performance
    and business: the newest window that has a value is flagged. Service: the measure was flagged in K of the last N
    intervals that have a value. Its effect is in multiples of what is allowed, that of performance and business the
    distance from what was expected, that of drift the size of the measure. Nothing measured gives nothing.
    """
    known = [each for each in measurements if each.interval.start <= interval.start]
    own = [each for each in known if each.version == version]
    columns = confirmed_columns([each for each in own if each.about in _DRIFT], config.drift)
    found = {about: _columns(about, [each for each in columns if each.about == about]) for about in _DRIFT}
    found |= {about: _windows(about, own) for about in _JUDGED_BY_WINDOW}
    found["service"] = _service(known, config)
    found["performance"] = _explained(found)
    with_prediction = found["prediction"] is not None
    return tuple(_rated(each, config.rules, with_prediction=with_prediction) for each in found.values() if each)


def _explained(found: Mapping[About, Finding | None]) -> Finding | None:
    """The finding about performance with its likely cause: the inputs, or what they mean."""
    performance, features = found["performance"], found["feature"]
    if performance is None:
        return None
    diagnosis = cause(fell=True, features=features.subjects if features else (), labels=found["label"] is not None)
    return performance.model_copy(update={"message": f"{performance.message}; {diagnosis.words}"})


def judged_topics(
    measurements: Iterable[Measurement], *, interval: Interval, version: int | None
) -> frozenset[EpisodeTopic]:
    """What anything could be said about: in an interval without, say, rows or reference, no episode begins or ends."""
    topics: set[EpisodeTopic] = set()
    for each in measurements:
        is_now = each.interval == interval
        if each.about == "service" and is_now and each.value is not None:
            topics.add("service")
        is_drift = each.about in _DRIFT and is_now and each.p_value is not None
        is_window = each.measure == WINDOW and each.value is not None
        if each.version == version and (is_drift or is_window):
            topics.add("model")
    return frozenset(topics)


def _columns(about: About, columns: Sequence[ConfirmedColumn]) -> Finding | None:
    if not columns:
        return None
    largest_first = sorted(columns, key=lambda each: (-each.effect / (each.expected or 1), each.subject))
    words = [f"{_moved(each)}; in {each.flagged} of the last {each.judged} intervals" for each in largest_first]
    effect = max(each.effect for each in columns)
    return _finding(about, [each.subject for each in largest_first], effect=effect, words=words)


def _windows(about: About, measurements: Iterable[Measurement]) -> Finding | None:
    known = [each for each in measurements if each.about == about and each.measure == WINDOW]
    newest = {each.subject: each for each in sorted(known, key=_age) if each.value is not None}
    flagged = [each for each in newest.values() if each.flagged]
    if not flagged:
        return None
    effect = max(abs(_value(each) - (each.expected or 0.0)) for each in flagged)
    return _finding(about, [each.subject for each in flagged], effect=effect, words=[_window(each) for each in flagged])


def _service(measurements: Iterable[Measurement], config: Monitoring) -> Finding | None:
    confirm = config.drift.confirm
    measures: dict[str, list[Measurement]] = {}
    for each in sorted(measurements, key=_age):
        if each.about == "service" and each.value is not None:
            measures.setdefault(each.measure, []).append(each)
    found: dict[str, tuple[float, str]] = {}
    for measure, values in measures.items():
        last = values[-confirm.of :]
        flagged = [each for each in last if each.flagged]
        if len(flagged) >= confirm.intervals:
            seen = f"in {len(flagged)} of the last {len(last)} intervals"
            effect = _value(flagged[-1]) / (flagged[-1].expected or 1.0)
            found[measure] = effect, f"{_level(flagged[-1])}; {seen}"
    if not found:
        return None
    effect = max(effect for effect, _ in found.values())
    return _finding("service", list(found), effect=effect, words=[words for _, words in found.values()])


def _finding(about: About, subjects: Sequence[str], *, effect: float, words: Sequence[str]) -> Finding:
    more = [f"and {len(words) - _NAMED} more"] if len(words) > _NAMED else []
    message = ". ".join([*words[:_NAMED], *more])
    return Finding(about=about, subjects=tuple(subjects), effect=effect, severity="ignore", message=message)


def _rated(finding: Finding, rules: Iterable[Rule], *, with_prediction: bool) -> Finding:
    """How bad it is: the first rule that fits says it. What none fits is only recorded."""
    severity: Alarm = "ignore"
    for rule in rules:
        if _fits(rule, finding, with_prediction=with_prediction):
            severity = rule.severity
            break
    return finding.model_copy(update={"severity": severity})


def _fits(rule: Rule, finding: Finding, *, with_prediction: bool) -> bool:
    return (
        rule.about == finding.about
        and (not rule.columns or not set(rule.columns).isdisjoint(finding.subjects))
        and len(finding.subjects) >= rule.min_columns
        and finding.effect >= rule.min_effect
        and (with_prediction or not rule.with_prediction)
    )


def _moved(column: ConfirmedColumn) -> str:
    """What a column did, in words."""
    effect, usual = column.effect, column.expected or 0.0
    if column.measure == "shift":
        return f"{column.subject} moved by {effect:.2f} standard deviations, {usual:.2f} is usual"
    if column.measure == "divergence":
        return f"the categories of {column.subject} moved by {effect:.2f} (Jensen-Shannon), {usual:.2f} is usual"
    if column.measure == "missing":
        return f"the share of missing values of {column.subject} changed by {effect:.1%}, {usual:.1%} is usual"
    if column.measure == "unseen":
        return f"{effect:.1%} of the rows have a {column.subject} that the version has never seen, {usual:.1%} is usual"
    return f"{column.measure} of {column.subject} is {effect:.3g}, {usual:.3g} is usual"


def _window(measured: Measurement) -> str:
    low, high = measured.low, measured.high
    between = f" ({low:.4g} to {high:.4g})" if low is not None and high is not None else ""
    expected = f", {measured.expected:.4g} was expected" if measured.expected is not None else ""
    if measured.note:
        return measured.note if measured.about == "performance" else f"{measured.subject}: {measured.note}"
    return f"{measured.subject} is {_value(measured):.4g}{between}{expected}"


def _level(measured: Measurement) -> str:
    value, allowed = _value(measured), measured.expected or 0.0
    if measured.measure.endswith("_ms"):
        name = measured.measure.removesuffix("_ms")
        return f"{name} of the answers took {value:,.0f} ms, {allowed:,.0f} ms is allowed"
    if measured.measure == "error_share":
        return f"{value:.1%} of the requests failed, {allowed:.1%} is allowed"
    return f"{measured.measure} is {value:.4g}, {allowed:.4g} is allowed"


def _value(measured: Measurement) -> float:
    return measured.value if measured.value is not None else 0.0


def _age(measured: Measurement) -> float:
    return measured.interval.start.timestamp()
