"""The evaluation report: one page that says what was decided, and shows what it was decided on."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Decision, SliceResult, TrainedModel
from retrainer.documents import words
from retrainer.documents.page import render_html

_LISTED_SLICES = 200
_STATUS = {"passed": "✓ passed", "failed": "✗ failed", "not_judged": "not judged"}


@dataclass(frozen=True, slots=True)
class Chart:
    """An SVG, which is put into the page as it is, and what it shows."""

    title: str
    svg: str


@dataclass(frozen=True, slots=True)
class SampleRow:
    """A holdout row: its inputs in words, its label, and what both models said of it."""

    why: str
    inputs: tuple[str, ...]
    label: float
    challenger: float
    reference: float


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was measured on the holdout."""

    curves: Sequence[Chart] = ()
    differences: Chart | None = None
    slices: Chart | None = None
    importance: Chart | None = None
    inputs: tuple[str, ...] = ()
    samples: Sequence[SampleRow] = ()


@dataclass(frozen=True, slots=True)
class _Section:
    title: str
    note: str
    charts: Sequence[Chart] = ()
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = field(default_factory=list)
    samples: bool = False


def evaluation_report(
    config: ModelConfig,
    decision: Decision,
    *,
    trained: TrainedModel,
    as_of: datetime | None,
    evidence: Evidence | None,
) -> str:
    """The page. `evidence` is None where nothing could be measured: it then says why, and has no charts."""
    values = {
        "title": f"{config.name}: {'promote' if decision.promote else 'reject'}",
        "config": config,
        "decision": decision,
        "trained": trained,
        "run_is_page": trained.run_url.startswith(("http://", "https://")),
        "as_of": as_of,
        "sentence": words.verdict(decision),
        "reference": words.reference(decision),
        "facts": _facts(config, decision, trained),
        "judged": evidence is not None,
        "sections": _sections(config, decision, evidence) if evidence else (),
    }
    return render_html("evaluation_report.html", values)


def _facts(config: ModelConfig, decision: Decision, trained: TrainedModel) -> list[tuple[str, str]]:
    metric = f"{words.measured(decision.challenger_value)} against {words.measured(decision.reference_value)}"
    interval = f"{words.signed(decision.difference)}, {decision.confidence:.0%} interval"
    return [
        ("Compared with", words.reference(decision)),
        (config.evaluation.metric, metric),
        ("Difference", f"{interval} {words.bounds(decision.low, decision.high)}"),
        ("Holdout", words.between(decision.holdout)),
        ("Rows", f"{decision.rows:,} in {decision.blocks:,} blocks"),
        ("Learned from", f"{trained.rows:,} rows, {words.between(trained.training)}"),
        ("Estimator", config.estimator.type),
        ("Owner", config.owner),
    ]


def _sections(config: ModelConfig, decision: Decision, evidence: Evidence) -> list[_Section]:
    reference = words.reference(decision)
    if config.estimator.is_classifier:
        about = f"Challenger and {reference} on the same rows. Reliability: ten bins of equal size."
    else:
        about = f"Challenger and {reference} on the same rows."
    sections = [_Section("Curves" if config.estimator.is_classifier else "Residuals", about, evidence.curves)]
    sections.append(_differences(config, decision, evidence))
    if decision.slices:
        sections.append(_slices(config, decision.slices, evidence))
    sections.append(_importance(config, evidence))
    sections.append(_samples(reference, evidence))
    return sections


def _differences(config: ModelConfig, decision: Decision, evidence: Evidence) -> _Section:
    drawn = "day" if config.evaluation.block is None else config.evaluation.block
    note = (
        f"Challenger minus {words.reference(decision)} in {config.evaluation.metric}, more is better, on "
        f"{config.evaluation.resamples:,} resamples of the holdout: the rows of one {drawn} are drawn together. "
        f"The {decision.confidence:.0%} interval is {words.bounds(decision.low, decision.high)}."
    )
    return _Section("Difference", note, [evidence.differences] if evidence.differences else ())


def _slices(config: ModelConfig, slices: Sequence[SliceResult], evidence: Evidence) -> _Section:
    unjudged = [f"{item.column} {item.value} ({item.rows} rows)" for item in slices if item.status == "not_judged"]
    note = (
        "Challenger minus reference on each slice; the intervals are corrected for the number of slices. A slice fails "
        f"where its interval lies below {words.signed(-config.gates.max_slice_loss)}."
    )
    if unjudged:
        named = ", ".join(unjudged[:20]) + (f" and {len(unjudged) - 20} more" if len(unjudged) > 20 else "")
        note += f" Not judged: {named}."
    if len(slices) > _LISTED_SLICES:
        note += f" The table has the first {_LISTED_SLICES} of {len(slices)} slices."
    header = ("Column", "Value", "Rows", "Verdict", "Challenger", "Reference", "Difference", "Interval", "In words")
    rows = [
        (
            item.column,
            item.value,
            f"{item.rows:,}",
            _STATUS[item.status],
            words.measured(item.challenger_value),
            words.measured(item.reference_value),
            words.signed(item.difference),
            words.bounds(item.low, item.high),
            item.message,
        )
        for item in slices[:_LISTED_SLICES]
    ]
    return _Section("Slices", note, [evidence.slices] if evidence.slices else (), header, rows)


def _importance(config: ModelConfig, evidence: Evidence) -> _Section:
    if evidence.importance is None:
        return _Section("Importance of the columns", "Could not be measured on these rows.")
    note = (
        f"How much the challenger's {config.evaluation.metric} falls when a column's values change rows: mean, least "
        "and most of three shuffles. Columns that say the same as each other share their importance."
    )
    return _Section("Importance of the columns", note, [evidence.importance])


def _samples(reference: str, evidence: Evidence) -> _Section:
    note = f"Rows on which challenger and {reference} disagree most, and rows drawn at random."
    header = ("Why", "Label", "Challenger", reference[:1].upper() + reference[1:], *evidence.inputs)
    rows = [
        (row.why, words.number(row.label), words.measured(row.challenger), words.measured(row.reference), *row.inputs)
        for row in evidence.samples
    ]
    return _Section("Sample predictions", note, header=header, rows=rows, samples=True)
