"""The model card of a version (Mitchell et al. 2019): what it is for, what it is worth, where it must not be used."""

from collections.abc import Iterator

from retrainer.config.declaration import ModelConfig
from retrainer.contracts import Decision, Gate, ServingRuntime
from retrainer.documents import words
from retrainer.documents.markdown import Markdown, code, paragraphs
from retrainer.documents.page import render_markdown
from retrainer.documents.version import VersionFacts

_LISTED_SLICES = 200
_RUNTIMES: dict[ServingRuntime, str] = {"onnx": "ONNX Runtime", "scikit-learn": "scikit-learn"}


def model_card(facts: VersionFacts) -> str:
    """The card, as Markdown. What the declaration does not state is said to be missing, with the key to fill in."""
    config, decision = facts.config, facts.decision
    values = {
        "facts": facts,
        "config": config,
        "decision": decision,
        "status": words.verdict(decision),
        "summary": _summary(facts),
        "purpose": paragraphs(config.card.purpose or config.description),
        "limits": stated(config.card.limits, "card.limits"),
        "ethics": stated(config.card.ethics, "card.ethics"),
        "preprocessing": stated(config.card.preprocessing, "card.preprocessing"),
        "tables": list(_tables(facts)),
        "metrics": list(_metrics(decision)),
        "gates": [_gate(gate) for gate in decision.gates],
        "turned_off": list(turned_off(config)),
        "slices": list(_slices(decision)),
        "more_slices": max(0, len(decision.slices) - _LISTED_SLICES),
        "environment": list(_environment(facts)),
    }
    return render_markdown("model_card.md", values)


def stated(text: str | None, key: str) -> Markdown:
    """Free text of the declaration; where it says nothing, which key would."""
    return paragraphs(text) if text else Markdown(f"Not stated. Fill in {code(key)} in the model's YAML file.")


def turned_off(config: ModelConfig) -> Iterator[tuple[str, Markdown]]:
    """The gates that the declaration does not ask for, and the key that says so."""
    gates = config.gates
    silent = {
        "baseline rule, once there is a champion": ("min_gain_over_baseline", gates.min_gain_over_baseline is None),
        "floor": ("min_value", gates.min_value is None),
        "slices": ("slices", not gates.slices),
        "calibration": ("max_calibration_error", gates.max_calibration_error is None),
        "canonical inputs": ("canonical", not gates.canonical),
        "latency": ("max_latency_p95_ms", gates.max_latency_p95_ms is None),
        "size": ("max_size_mb", gates.max_size_mb is None),
        "input schema": ("input_schema", gates.input_schema == "any"),
    }
    for name, (key, off) in silent.items():
        if off:
            yield name, code(f"gates.{key}")


def _summary(facts: VersionFacts) -> list[tuple[str, object]]:
    config = facts.config
    return [
        ("Owner", config.owner),
        ("Registered as", code(facts.name)),
        ("As of", words.moment(facts.as_of)),
        ("Predicts", code(config.source.label.expression)),
        ("Kind", "classifier: probability of class 1" if config.estimator.is_classifier else "regressor: a number"),
        ("Estimator", code(config.estimator.type)),
        ("Served by", _served_by(facts.decision)),
    ]


def _served_by(decision: Decision) -> str:
    if decision.export is None:
        return "scikit-learn: ONNX was not compared"
    return f"{_RUNTIMES[decision.export.runtime]}: {decision.export.message}"


def _tables(facts: VersionFacts) -> Iterator[tuple[object, ...]]:
    for ref in (*facts.features.snapshot, facts.features.table):
        yield code(ref.table), code(ref.uri), ref.version, f"{ref.rows:,}", words.between(ref.window), code(ref.digest)


def _metrics(decision: Decision) -> Iterator[tuple[object, ...]]:
    interval = f"{decision.confidence:.0%} interval"
    if decision.challenger_value is None:
        return
    own = words.own_bounds(decision.challenger_low, decision.challenger_high)
    yield "This version", words.measured(decision.challenger_value), f"{interval} {own}"
    yield words.reference(decision).capitalize(), words.measured(decision.reference_value), "-"
    yield "Difference", words.signed(decision.difference), f"{interval} {words.bounds(decision.low, decision.high)}"


def _gate(gate: Gate) -> tuple[object, ...]:
    verdict = "✓ passed" if gate.passed else "✗ failed"
    return gate.name, verdict, words.number(gate.value), words.number(gate.threshold), gate.message


def _slices(decision: Decision) -> Iterator[tuple[object, ...]]:
    for item in decision.slices[:_LISTED_SLICES]:
        yield (
            code(item.column),
            item.value,
            f"{item.rows:,}",
            item.status.replace("_", " "),
            words.measured(item.challenger_value),
            words.signed(item.difference),
            words.bounds(item.low, item.high),
            item.message,
        )


def _environment(facts: VersionFacts) -> Iterator[tuple[str, object]]:
    made_by = facts.made_by
    yield "Retrainer", made_by.software or "unknown"
    yield "Commit", code(made_by.commit) if made_by.commit else "unknown"
    yield "Code (SHA-256)", code(made_by.code_digest) if made_by.code_digest else "unknown"
    yield "Lock file (SHA-256)", code(made_by.lock_digest) if made_by.lock_digest else "no lock file"
    yield "Files of the model (SHA-256)", code(facts.trained.artifact_digest)
    yield "Identity of the request", code(facts.trained.identity)
    yield "Seed", str(facts.config.seed)
