"""The data sheet of a version (Gebru et al. 2021): which data it learned from, and what held for them."""

from collections.abc import Iterator

from retrainer.config.features import Features
from retrainer.config.source import Expectation, Label, Table
from retrainer.contracts import CheckResult, ValidationReport, canonical_json
from retrainer.documents import words
from retrainer.documents.card import stated
from retrainer.documents.markdown import Markdown, code, escaped
from retrainer.documents.page import render_markdown
from retrainer.documents.version import VersionFacts


def data_sheet(facts: VersionFacts) -> str:
    """The sheet, as Markdown."""
    config = facts.config
    values = {
        "facts": facts,
        "config": config,
        "source": words.source_place(config.source),
        "tables": [_table(facts, name, table) for name, table in config.source.tables.items()],
        "validation": facts.validation,
        "failed": [_failed(check) for check in facts.validation.failed] if facts.validation else [],
        "label": list(_label(config.source.label)),
        "features": list(_features(config.features)),
        "preprocessing": stated(config.card.preprocessing, "card.preprocessing"),
    }
    return render_markdown("data_sheet.md", values)


def _table(facts: VersionFacts, name: str, table: Table) -> dict[str, object]:
    ref = facts.table(name)
    return {
        "name": name,
        "summary": list(_summary(facts, name, table)),
        "columns": list(_columns(facts, name, table)),
        "profiled": name in facts.profiles,
        "pinned": ref is not None,
        "expectations": [_expectation(each, name, facts.validation) for each in table.expectations],
    }


def _summary(facts: VersionFacts, name: str, table: Table) -> Iterator[tuple[str, object]]:
    yield "Name in the source", code(table.name or name)
    yield "Event time", code(table.event_time)
    yield "Key", _codes(table.key)
    by_manifest = table.complete.by == "manifest"
    yield "An interval is complete", f"when {'a control table says so' if by_manifest else 'later rows have landed'}"
    ref = facts.table(name)
    if ref is None:
        return
    yield "Window", words.between(ref.window)
    yield "Rows", f"{ref.rows:,}"
    yield "Delta table", code(ref.uri)
    yield "Version", str(ref.version)
    yield "Digest of the rows", code(ref.digest)


def _columns(facts: VersionFacts, name: str, table: Table) -> Iterator[tuple[object, ...]]:
    profiles = {profile.column: profile for profile in facts.profiles.get(name, ())}
    for column, declared in table.columns.items():
        profile = profiles.get(column)
        if profile is None:
            yield code(column), declared, "-", "-", "-"
        else:
            values = f"{profile.low} to {profile.high}" if profile.low is not None else ""
            if profile.distinct is not None:
                values = f"{profile.distinct:,} different"
            yield code(column), declared, code(profile.stored), f"{profile.nulls:.2%}", values or "none"


def _expectation(expectation: Expectation, table: str, validation: ValidationReport | None) -> tuple[object, ...]:
    return (
        code(expectation.type),
        code(canonical_json(expectation.kwargs)),
        expectation.severity,
        _verdict(expectation, table, validation),
    )


def _verdict(expectation: Expectation, table: str, validation: ValidationReport | None) -> str:
    if validation is None:
        return "not known"
    columns = {column for _, column in expectation.columns()}
    failed = any(
        (check.table, check.expectation) == (table, expectation.type)
        and (check.column is None or check.column in columns)
        for check in validation.failed
    )
    return "failed, see below" if failed else "passed"


def _failed(check: CheckResult) -> tuple[object, ...]:
    return code(check.table), check.batch, code(check.expectation), check.severity, check.message


def _label(label: Label) -> Iterator[str]:
    yield Markdown(f"Expression: {code(label.expression)}; a row for which it is null has no label.")
    if label.known_at is not None:
        yield Markdown(f"Known at {code(label.known_at)} of the row; where that is null, never.")
    elif label.known_after is not None:
        yield f"Known {words.duration(label.known_after)} after the event."
    yield f"The source may fill it in or correct it within {words.duration(label.filled_in_within)}."
    yield "A label that was not known yet as of a run counts neither for learning nor for judging."


def _features(features: Features) -> Iterator[Markdown]:
    yield Markdown(f"Inputs, known at prediction time: {_codes(features.inputs)}.")
    for name, lookup in features.lookups.items():
        yield Markdown(
            f"Look-up {code(name)}: {_codes(lookup.columns)} of the latest row of table {code(lookup.table)} with the "
            f"same {_codes(lookup.by)}, published {words.duration(lookup.delay)} after its event time, not older than "
            f"{words.duration(lookup.max_age)}."
        )
    for name, window in features.windows.items():
        yield Markdown(
            f"Window {code(name)}: {escaped(window.aggregate)} of {code(window.value)} by {_codes(window.by)} over the "
            f"{words.duration(window.over)} before the row's interval, of what was known when that began."
        )
    yield Markdown(
        f"Row-level features are made by {code('row_features')} of {code(features.module)}, inside the model."
    )
    if features.categorical:
        yield Markdown(f"Categories that the model sees: {_codes(features.categorical)}.")
    if features.numeric:
        yield Markdown(f"Numbers that the model sees: {_codes(features.numeric)}.")


def _codes(names: tuple[str, ...]) -> Markdown:
    return Markdown(", ".join(code(name) for name in names))
